// SPDX-License-Identifier: Apache-2.0

import Channels

/// The main thread, which is not async, waits for what a task receives.
enum Future {
    static func run() throws {
        let channel = Chan<Int>()
        go { try await send(channel) }
        try got(channel)
    }

    static func send(_ channel: Chan<Int>) async throws { try await channel.send(4) }

    static func got(_ channel: Chan<Int>) throws {
        let received = go { try await channel.receive() }
        print("got \(try received.result())")
    }
}
