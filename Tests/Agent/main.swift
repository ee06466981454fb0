// SPDX-License-Identifier: Apache-2.0

import ChanSystem
import ChanTestSupport

/// A client in a process of its own, for the tests of the daemon to command, and to kill.
let arguments = CommandLine.arguments.dropFirst()

do {
    try SignalSource.ignoreBrokenPipes()
    switch (arguments.first, Array(arguments.dropFirst())) {
    case ("relay", let rest) where rest.count == 1:
        try Relay.run(socket: rest[0])
    default:
        throw LiveFailure("usage: chand-test-agent relay SOCKET")
    }
} catch {
    try Array("chand-test-agent: \(error)\n".utf8).withUnsafeBytes { try Transfer.writeAll(2, $0) }
    throw error
}
