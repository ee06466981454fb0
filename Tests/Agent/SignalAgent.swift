// SPDX-License-Identifier: Apache-2.0

import Channels
import Glibc

/// Takes one SIGTERM from a channel, lets the channel go, and ends by the next one.
enum SignalAgent {
    static func run() async throws {
        do {
            let terminations = try signals(SIGTERM)
            kill(getpid(), SIGTERM)
            _ = try await terminations.receive()
        }
        kill(getpid(), SIGTERM)
        _ = try await never(of: Int.self).receive()
    }
}
