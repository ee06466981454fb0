// SPDX-License-Identifier: Apache-2.0

public import ChanSystem
import Foundation

/// A process with a client of the library, which does what it is told.
///
/// Commands run at once, each in a task of its own over there; cancelling the task that waits for one here
/// cancels that task.
public final class AgentProcess: Sendable {
    /// The process.
    public let process: ChildProcess
    private let socket: OwnedDescriptor
    private let state = Lock(State())

    private struct State {
        var lastID: UInt64 = 0
        var waiting: [UInt64: CheckedContinuation<AgentReply.Result?, Never>] = [:]
        /// Replies for which nobody waits yet.
        var early: [UInt64: AgentReply.Result] = [:]
        var hasEnded = false
    }

    /// Starts the process, and returns when its client is connected.
    public init(_ socketPath: String) async throws {
        // A socket rather than pipes: writing to a process that has gone raises no SIGPIPE there.
        let pair = try UnixSocket.pair(nonBlocking: false)
        process = try ChildProcess.spawn(
            BuiltProgram.path("chand-test-agent"), arguments: ["library", socketPath],
            environment: DaemonUnderTest.environment(), stdin: .descriptor(pair.second.raw),
            stdout: .descriptor(pair.second.raw))
        let number = try pair.first.duplicate().take()
        socket = pair.first
        _ = try NativeThread.start(name: "agent-replies") { [weak self] in
            let source = OwnedDescriptor(taking: number)
            var lines = LineReader()
            while let line = lines.next(from: source.raw) { self?.take(line) }
            self?.end()
        }
        guard await reply(to: 0) == .done(true) else {
            kill()
            throw LiveFailure("the agent does not connect")
        }
    }

    deinit { kill() }

    /// Kills it with SIGKILL, and waits for its end.
    public func kill() {
        // It may be gone already, and whoever kills has no use for why that failed.
        try? process.kill(.kill)
        _ = try? process.wait()
    }

    /// Lets it do something; nil if it died before it replied.
    public func ask(_ verb: AgentCommand.Verb) async -> AgentReply.Result? {
        let id = start(verb)
        return await withTaskCancellationHandler {
            await reply(to: id)
        } onCancel: {
            write(AgentCommand(id: 0, .cancel(command: id)))
        }
    }

    /// Lets it begin with something; `reply(to:)` waits for the reply.
    public func start(_ verb: AgentCommand.Verb) -> UInt64 {
        let id = state.withLock { state in
            state.lastID += 1
            return state.lastID
        }
        write(AgentCommand(id: id, verb))
        return id
    }

    /// The reply to a command that was started; nil if it died before.
    public func reply(to id: UInt64) async -> AgentReply.Result? {
        await withCheckedContinuation { continuation in
            let known: AgentReply.Result?? = state.withLock { state in
                if let early = state.early.removeValue(forKey: id) { return .some(early) }
                if state.hasEnded { return .some(nil) }
                state.waiting[id] = continuation
                return nil
            }
            if let known { continuation.resume(returning: known) }
        }
    }

    private func write(_ command: AgentCommand) {
        guard var line = try? JSONEncoder().encode(command) else { return }
        line.append(UInt8(ascii: "\n"))
        state.withLock { _ in
            // A process that is gone takes no commands: the end of its replies says so.
            var rest = line[...]
            while case .bytes(let count) = rest.withUnsafeBytes({ Transfer.send(socket.raw, $0) }), count > 0
            {
                rest = rest.dropFirst(count)
            }
        }
    }

    private func take(_ line: [UInt8]) {
        guard let reply = try? JSONDecoder().decode(AgentReply.self, from: Data(line)) else { return }
        let waiting = state.withLock { state in
            let waiting = state.waiting.removeValue(forKey: reply.id)
            if waiting == nil { state.early[reply.id] = reply.result }
            return waiting
        }
        waiting?.resume(returning: reply.result)
    }

    private func end() {
        let waiting = state.withLock { state in
            state.hasEnded = true
            defer { state.waiting = [:] }
            return state.waiting.values.map { $0 }
        }
        for continuation in waiting { continuation.resume(returning: nil) }
    }
}

/// Cuts what is read into lines.
struct LineReader {
    private var bytes: [UInt8] = []
    private var chunk = [UInt8](repeating: 0, count: 16_384)

    /// The next line without its end; nil at the end of the stream.
    mutating func next(from descriptor: Int32) -> [UInt8]? {
        while true {
            if let end = bytes.firstIndex(of: UInt8(ascii: "\n")) {
                defer { bytes.removeSubrange(...end) }
                return Array(bytes[..<end])
            }
            guard
                case .bytes(let count) = chunk.withUnsafeMutableBytes({ Transfer.read(descriptor, into: $0) })
            else { return nil }
            bytes += chunk[..<count]
        }
    }
}
