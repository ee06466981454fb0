// SPDX-License-Identifier: Apache-2.0

import ChanSystem
import ChanTestSupport

/// A client in a process of its own, for the tests of the daemon to command, and to kill.
let arguments = Array(CommandLine.arguments.dropFirst())

do {
    try SignalSource.ignoreBrokenPipes()
    switch (arguments.first, arguments.dropFirst().first, arguments.count) {
    case ("relay", let socket?, 2): try Relay.run(socket: socket)
    case ("keeper", let socket?, 2): try Relay.runWithKeeper(socket: socket)
    case ("burst", let socket?, 2): try Relay.burst(socket: socket)
    case ("faults", let call, 1...2): try ServerFaults.run(call)
    case ("keep", _, 1): try Relay.keep()
    case ("signals", _, 1): try await SignalAgent.run()
    case ("library", let socket?, 2): try await LibraryAgent.run(socket: socket)
    case ("server", let socket?, 2): try await ForgetfulServer.run(socket: socket)
    case ("persistent", let socket?, 2): try await PersistentAgent.run(socket: socket)
    case ("history", let socket?, 2): try await HistoryAgent.run(socket: socket)
    case ("fork", let socket?, 2): try await ForkAgent.run(socket: socket)
    default:
        throw LiveFailure(
            "usage: chand-test-agent relay|keeper|burst|library|server|persistent|history|fork SOCKET | faults [CALL] | keep | signals"
        )
    }
} catch {
    try Array("chand-test-agent: \(error)\n".utf8).withUnsafeBytes { try Transfer.writeAll(2, $0) }
    throw error
}
