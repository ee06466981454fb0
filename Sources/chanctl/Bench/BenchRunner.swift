// SPDX-License-Identifier: Apache-2.0

import ChanSystem

/// Measures cases, each with a daemon of its own.
struct BenchRunner {
    /// The figures of a case.
    enum Figures {
        case passing([BenchResult])
        case memory([(metric: String, bytes: Double)])
    }

    let program: String
    /// Those that this process may use.
    let processors: [Int]
    let repetitions: Int
    let warmUp: Double
    let window: Double
    let isQuick: Bool

    func measure(_ job: BenchCase) throws -> Figures {
        let sessions = isQuick ? 200 : 2000
        let channels = isQuick ? 2000 : 100_000
        let limits =
            job.workload == .many ? BenchMemory.settings(sessions: sessions, channels: channels) : []
        let settings = (job.settings + limits).flatMap { ["--set", $0] }
        // That messages go with it is no news.
        let daemon = try PrivateDaemon.start(program, ["--log-level", "error"] + settings)
        do {
            let pid = try pin(daemon.socket, job.placement)
            let figures: Figures
            if job.workload == .many {
                figures = .memory(
                    try BenchMemory(
                        socket: daemon.socket, daemon: pid, codec: BenchCodec(payload: job.payload),
                        sessions: sessions, channels: channels
                    ).run())
            } else {
                figures = .passing(
                    try (0..<repetitions).map { repetition in
                        try BenchMeasurement(
                            job, socket: daemon.socket, daemon: pid,
                            clients: Self.clients(job.placement, processors), repetition: repetition
                        ).run(warmUp: warmUp, seconds: window)
                    })
            }
            daemon.stop()
            return figures
        } catch {
            daemon.stop()
            throw error
        }
    }

    /// Puts the daemon where it belongs, and says which process it is.
    private func pin(_ socket: String, _ placement: BenchPlacement) throws -> Int32 {
        let connection = try UnixSocket.connect(path: socket)
        let pid = try PeerCredentials.of(connection.raw).pid
        try ThisProcess.pin(
            process: pid, to: placement == .free ? processors : Array(processors.prefix(1)))
        return pid
    }

    private static func clients(_ placement: BenchPlacement, _ processors: [Int]) -> [Int] {
        switch placement {
        case .free: processors
        case .split: [processors[1]]
        case .one: [processors[0]]
        }
    }
}
