// SPDX-License-Identifier: Apache-2.0

import Channels

/// The main thread, which is not async, waits for what a task receives.
enum Future {
    static func run() throws {
        let channel = Chan<Int>()
        go { try await channel.send(4) }
        let received = go { try await channel.receive() }
        print("got \(try received.result())")
    }
}
