// SPDX-License-Identifier: Apache-2.0

import ChanSystem

/// Writes figures: a line a metric for programs, a row a case for people.
struct BenchReport {
    let json: Bool

    private static let widths = [-17, -10, 7, 6, -6, 10, 10, 9, 9, 9]
    private static let headings = [
        "SYSTEM", "WORKLOAD", "PAYLOAD", "DEPTH", "PLACE", "A SECOND", "MB/S", "P50 us", "P99 us", "CPU us",
    ]

    func begin(_ output: inout Output) throws {
        guard !json else { return }
        try output.line(Self.row(Self.headings))
        try output.flush()
    }

    func write(_ job: BenchCase, _ figures: BenchRunner.Figures, _ output: inout Output) throws {
        switch figures {
        case .memory(let values):
            for (metric, bytes) in values {
                guard json else {
                    try output.line("\(job.system) many: \(metric) \(Quantities.text(rate: bytes))")
                    continue
                }
                try output.line(
                    .object(Self.key(job) + [("metric", .string(metric)), ("value", .real(bytes))]))
            }
        case .passing(let results):
            guard json else { return try output.line(Self.row(cells(job, results))) }
            for (metric, value) in Self.metrics(job.workload) {
                let sorted = results.map(value).sorted()
                try output.line(
                    .object(
                        Self.key(job) + [
                            ("metric", .string(metric)), ("value", .real(sorted[sorted.count / 2])),
                            ("min", .real(sorted[0])), ("max", .real(sorted[sorted.count - 1])),
                            ("reps", .number(sorted.count)),
                            ("cpus", .number(job.placement == .one ? 1 : ThisProcess.onlineProcessors)),
                            ("placement", .string(job.placement.rawValue)),
                            ("other_cpu_pct", .real(results.map(\.disturbance).max() ?? 0)),
                        ]))
            }
        }
    }

    private static func key(_ job: BenchCase) -> [(key: String, value: JSON)] {
        [
            ("version", .number(JSON.schemaVersion)), ("system", .string(job.system)),
            ("workload", .string(job.workload.rawValue)),
            ("payload", .number(job.payload)), ("depth", .number(job.depth)),
        ]
    }

    private static func metrics(_ workload: BenchWorkload) -> [(String, (BenchResult) -> Double)] {
        workload == .latency
            ? [
                ("rtt_us_p50", \.p50), ("rtt_us_p99", \.p99), ("rtt_us_max", \.longest),
                ("roundtrips_per_s", \.rate), ("cpu_us_per_roundtrip", \.processor),
            ]
            : [("msgs_per_s", \.rate), ("mb_per_s", \.megabytes), ("cpu_us_per_msg", \.processor)]
    }

    private func cells(_ job: BenchCase, _ results: [BenchResult]) -> [String] {
        let median = { (value: (BenchResult) -> Double) in
            results.map(value).sorted()[results.count / 2]
        }
        let isLatency = job.workload == .latency
        return [
            job.system, job.workload.word, Quantities.text(bytes: UInt64(job.payload)), "\(job.depth)",
            job.placement.rawValue, Quantities.text(rate: median(\.rate)),
            isLatency ? "" : Quantities.text(rate: median(\.megabytes)),
            isLatency ? Self.digits(median(\.p50)) : "", isLatency ? Self.digits(median(\.p99)) : "",
            Self.digits(median(\.processor)),
        ]
    }

    /// Three digits, none cut off before the point.
    private static func digits(_ value: Double) -> String {
        if value >= 100 { return "\(Int(value.rounded()))" }
        let scale: Double = value >= 10 ? 10 : value >= 1 ? 100 : 1000
        return "\((value * scale).rounded() / scale)"
    }

    /// Columns of a fixed width, since the rows to come are not known; negative ones are of text.
    private static func row(_ cells: [String]) -> String {
        let padded = zip(cells, widths).map { cell, width in
            let padding = String(repeating: " ", count: max(0, abs(width) - cell.count))
            return width < 0 ? cell + padding : padding + cell
        }
        return padded.joined(separator: " ")
    }
}
