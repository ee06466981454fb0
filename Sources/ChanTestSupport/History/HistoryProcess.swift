// SPDX-License-Identifier: Apache-2.0

public import ChanSystem
import Foundation

/// A process with a client of the library that does random operations and says what came of them.
public final class HistoryProcess: Sendable {
    /// The process.
    public let process: ChildProcess
    private let socket: OwnedDescriptor
    private let lines = Lock(LineReader())

    /// Starts the process.
    public init(_ socketPath: String) throws {
        let pair = try UnixSocket.pair(nonBlocking: false)
        process = try ChildProcess.spawn(
            BuiltProgram.path("chand-test-agent"), arguments: ["history", socketPath],
            environment: DaemonUnderTest.environment(), stdin: .descriptor(pair.second.raw),
            stdout: .descriptor(pair.second.raw))
        socket = pair.first
    }

    deinit { kill() }

    /// Kills it with SIGKILL, and waits for its end.
    public func kill() {
        // It may be gone already, and whoever kills has no use for why that failed.
        try? process.kill(.kill)
        _ = try? process.wait()
    }

    /// Lets it carry out a plan and waits for that; the operations, in the order in which they began.
    ///
    /// - Parameter count: kills it once it has said so much; what it was in the midst of is unknown then.
    public func run(_ plan: HistoryPlan, killAfter count: Int = .max) throws -> [HistoryOperation] {
        var line = try JSONEncoder().encode(plan)
        line.append(UInt8(ascii: "\n"))
        try line.withUnsafeBytes { try Transfer.writeAll(socket.raw, $0) }
        var operations: [Int: HistoryOperation] = [:]
        var said = 0
        let decoder = JSONDecoder()
        // What it said before it was killed is read to the end.
        while let line = lines.withLock({ $0.next(from: socket.raw) }) {
            switch try decoder.decode(HistoryEvent.self, from: Data(line)) {
            case .began(let id, let operation): operations[id] = operation
            case .ended(let id, let outcome, let time):
                operations[id]?.outcome = outcome
                operations[id]?.returned = time
            case .failed(let text): throw LiveFailure("process \(plan.process): \(text)")
            case .finished: return operations.sorted { $0.key < $1.key }.map(\.value)
            }
            said += 1
            if said == count { kill() }
        }
        guard said >= count else { throw LiveFailure("process \(plan.process) ended by itself") }
        return operations.sorted { $0.key < $1.key }.map(\.value)
    }
}
