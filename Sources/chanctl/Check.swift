// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Channels

/// What monitoring systems take an exit code for.
enum CheckStatus: Int32, Sendable {
    case ok = 0
    case warning = 1
    case critical = 2
    case unknown = 3

    var word: String {
        switch self {
        case .ok: "ok"
        case .warning: "warning"
        case .critical: "critical"
        case .unknown: "unknown"
        }
    }
}

extension Failure {
    /// The failure as `check` ends with it: whatever else its exit code was would be taken for something found.
    var ofCheck: Failure {
        // Who interrupts wants no verdict.
        guard exit != .interrupted else { return self }
        // The same number as that of CheckStatus.unknown.
        var failure = Failure(code, message, channel: channel, exit: .unreachable)
        failure.isQuiet = isQuiet
        return failure
    }
}

/// Compares numbers with thresholds, for monitoring systems.
struct Check: DaemonCommand {
    static let configuration = CommandConfiguration(
        commandName: "check",
        abstract: "Compares channels with thresholds, for monitoring systems.",
        usage: "chanctl check [GLOB] [--warning RULE]... [--critical RULE]... [--format FORMAT]",
        discussion: """
            A RULE is a number, > or <, and a limit, in quotes for the shell: 'queued>1000', \
            'receivers<1'. Numbers are queued, bytes, full (percent of the buffer), unsettled, set_aside, \
            senders, receivers, waiting_senders, waiting_receivers, and blocked (how long the oldest \
            operation has waited on the channel, as in 'blocked>5s'; of others' an administrator sees it). \
            Without rules it checks that the daemon answers.

            Exits with 0 where all is well, with 1 for a warning, with 2 where it is critical, and with 3 \
            where that is not known: no daemon, no such channel, wrong usage, an output that fails.

            FORMAT is text (default), nagios (one line with performance data), prometheus or json. With \
            --json, or --format json: an object with version (1), status (ok, warning, critical or \
            unknown), exit, channels (how many were checked), message, and problems, a list of objects \
            with severity, channel, key, value, and rule.
            """)

    /// How the outcome is written.
    enum Format: String, CaseIterable, Sendable {
        case text, nagios, prometheus, json
    }

    @OptionGroup var common: CommonOptions

    @Argument(help: ArgumentHelp("Only channels whose names match, as in list.", valueName: "GLOB"))
    var glob: String?

    @Option(
        help: ArgumentHelp("Exit with 1 where a channel is beyond it.", valueName: "RULE"),
        transform: CheckRule.read)
    var warning: [CheckRule] = []

    @Option(
        help: ArgumentHelp("Exit with 2 where a channel is beyond it.", valueName: "RULE"),
        transform: CheckRule.read)
    var critical: [CheckRule] = []

    @Option(
        help: ArgumentHelp("How to write the outcome.", valueName: "FORMAT"),
        completion: .list(Format.allCases.map(\.rawValue)), transform: Self.format)
    var format: Format?

    private static func format(_ text: String) throws -> Format {
        if let format = Format(rawValue: text) { return format }
        throw ValidationError(Usage.choice(text, "format", Format.allCases.map(\.rawValue)))
    }

    func validate() throws {
        if let glob, Glob(glob) == nil { throw ValidationError(Glob.fault(glob)) }
        if common.json, let format, format != .json {
            throw ValidationError("--json and --format \(format.rawValue) exclude each other; choose one")
        }
    }

    /// What was found.
    struct Report: Sendable {
        /// A rule and a channel that it is about.
        struct Finding: Sendable {
            let rule: CheckRule
            let severity: CheckStatus
            let channel: String
            let value: Double
            var isBroken: Bool { rule.isBroken(by: value) }
        }
        var status: CheckStatus
        var message: String
        var channels = 0
        var findings: [Finding] = []
        var problems: [Finding] { findings.filter(\.isBroken) }
    }

    func perform() async throws {
        let report: Report
        do {
            report = try await common.withClient(examine)
        } catch let failure as Failure where failure.exit != .interrupted {
            report = Report(status: .unknown, message: failure.message)
        }
        try Output.write { output in
            for line in lines(report) { try output.line(line) }
        }
        if report.status != .ok { throw ExitCode(report.status.rawValue) }
    }

    private func examine(_ client: ChandClient) async throws -> Report {
        let filter = ChannelFilter(glob, client)
        let channels = try await filter.channels(client)
        guard glob == nil || !channels.isEmpty else {
            return Report(status: .unknown, message: "no channel matches \(glob ?? "")")
        }
        let rules = critical.map { ($0, CheckStatus.critical) } + warning.map { ($0, .warning) }
        var blocked: [String: Duration] = [:]
        if rules.contains(where: { $0.0.key == .blocked }) {
            for waiting in try await client.waitingOperations() {
                guard let channel = waiting.channel else { continue }
                blocked[channel] = max(blocked[channel] ?? .zero, waiting.waited)
            }
        }
        var report = Report(status: .ok, message: "", channels: channels.count)
        for (rule, severity) in rules {
            for channel in channels {
                guard let value = CheckRule.value(rule.key, of: channel, blocked: blocked[channel.name])
                else { continue }
                report.findings.append(
                    .init(
                        rule: rule, severity: severity, channel: filter.space.relative(channel.name),
                        value: value))
            }
        }
        report.status = report.problems.map(\.severity).max { $0.rawValue < $1.rawValue } ?? .ok
        let noun = channels.count == 1 ? "channel" : "channels"
        report.message =
            report.problems.isEmpty
            ? "\(channels.count) \(noun) checked"
            : report.problems.map { Self.text($0) }.joined(separator: ", ")
        return report
    }

    private static func text(_ problem: Report.Finding) -> String {
        "\(problem.channel): \(problem.rule.key.rawValue) is \(number(problem.value)) (\(problem.rule.text))"
    }

    private static func number(_ value: Double) -> String {
        value == value.rounded() && abs(value) < 1e15 ? "\(Int64(value))" : "\(value)"
    }

    private func lines(_ report: Report) -> [String] {
        switch common.json ? .json : format ?? .text {
        case .text:
            let first = "\(report.status.word): "
            guard !report.problems.isEmpty else { return [first + Printable.line(report.message)] }
            return report.problems.map { Printable.line("\($0.severity.word): \(Self.text($0))") }
        case .nagios:
            // A bar would begin the performance data, and names cannot have one.
            let message = Printable.line(report.message).split(separator: "|").joined(separator: "/")
            let data = Self.performance(report)
            return [
                "CHAND \(report.status.word.uppercased()) - \(message)" + (data.isEmpty ? "" : " | \(data)")
            ]
        case .prometheus:
            return Self.prometheus(report)
        case .json:
            return [Self.json(report).description]
        }
    }

    /// `'label'=value;warning;critical`, the limits as ranges that are all right.
    private static func performance(_ report: Report) -> String {
        var order: [String] = []
        var entries: [String: (value: Double, warning: String, critical: String)] = [:]
        for finding in report.findings {
            let label = "\(finding.channel) \(finding.rule.key.rawValue)"
            let range = number(finding.rule.limit) + (finding.rule.isUpper ? "" : ":")
            if entries[label] == nil { order.append(label) }
            var entry = entries[label] ?? (finding.value, "", "")
            if finding.severity == .critical { entry.critical = range } else { entry.warning = range }
            entries[label] = entry
        }
        return order.compactMap { label in
            entries[label].map { "'\(label)'=\(number($0.value));\($0.warning);\($0.critical)" }
        }.joined(separator: " ")
    }

    private static func prometheus(_ report: Report) -> [String] {
        var lines = [
            "# TYPE chand_check_status gauge",
            "# HELP chand_check_status 0 ok, 1 warning, 2 critical, 3 unknown.",
            "chand_check_status \(report.status.rawValue)", "# TYPE chand_check_broken gauge",
            "# HELP chand_check_broken 1 where a channel is beyond a rule.",
        ]
        for finding in report.findings {
            let labels = [
                ("channel", finding.channel), ("rule", finding.rule.text),
                ("severity", finding.severity.word),
            ].map { "\($0)=\"\(MetricsText.escaped($1))\"" }
            lines.append(
                "chand_check_broken{\(labels.joined(separator: ","))} \(finding.isBroken ? 1 : 0)")
        }
        return lines + ["# EOF"]
    }

    private static func json(_ report: Report) -> JSON {
        [
            "version": .number(JSON.schemaVersion), "status": .string(report.status.word),
            "exit": .number(Int(report.status.rawValue)), "channels": .number(report.channels),
            "message": .string(report.message),
            "problems": .array(
                report.problems.map {
                    [
                        "severity": .string($0.severity.word), "channel": .string($0.channel),
                        "key": .string($0.rule.key.rawValue), "value": .real($0.value),
                        "rule": .string($0.rule.text),
                    ]
                }),
        ]
    }
}
