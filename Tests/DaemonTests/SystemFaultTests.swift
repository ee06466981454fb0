// SPDX-License-Identifier: Apache-2.0

import ChanSystem
import ChanTestSupport
import Testing

/// Every system call of the daemon's fails once, at every place of a conversation and with every error (P10).
///
/// `ServerFaults` of the tests' agent says what it may do then.
@Suite(.blocking) struct SystemFaultTests {
    /// All that it calls; that nothing is to be done about `close` that fails is said in `Descriptor`.
    static let calls = [
        "accept", "bind", "chmod", "dup", "epoll_create", "epoll_ctl", "epoll_wait", "eventfd", "flock",
        "getsockopt", "listen", "open", "pthread_create", "read", "readv", "send", "sendmsg",
        "signalfd", "sigmask", "socket", "stat", "unlink", "write",
    ]

    private static func agent(_ arguments: String...) throws -> Attempt {
        try Attempt(
            ["faults"] + arguments, program: BuiltProgram.path("chand-test-agent"), milliseconds: 300_000)
    }

    @Test(.timeLimit(.minutes(15)), arguments: calls)
    func everyCallFailsOnce(_ call: String) throws {
        let run = try Self.agent(call)
        #expect(run.status == .exited(0), "\(run.text)")
        #expect(run.text.hasPrefix("\(call): "), "\(run.text)")
        print(run.text)
    }

    @Test func noOtherCalls() throws {
        let run = try Self.agent()
        #expect(run.status == .exited(0), "\(run.text)")
        let made = Set(run.lines.compactMap { $0.split(separator: " ").first.map(String.init) })
        // A pipe is the agent's own, for the log.
        #expect(made.subtracting(["close", "pipe"]) == Set(Self.calls))
    }
}
