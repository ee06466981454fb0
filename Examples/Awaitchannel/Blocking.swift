// SPDX-License-Identifier: Apache-2.0

import Channels

/// Functions that block, one after the other and then at once, awaited from async code.
enum Blocking {
    static let unit = Duration.seconds(1)

    static func run(unit: Duration) throws {
        try go { try await oneByOne(unit) }.result()
        try go { try await atOnce(unit) }.result()
    }

    static func oneByOne(_ unit: Duration) async throws {
        let time = await ContinuousClock().measure {
            for count in 1...3 { await runBlocking { block(for: unit * count) } }
        }
        print("one after the other: \(Int(time / unit)) units")
    }

    static func atOnce(_ unit: Duration) async throws {
        let time = try await ContinuousClock().measure {
            let sleeps = (1...3).map { count in go { await runBlocking { block(for: unit * count) } } }
            for sleep in sleeps { try await sleep.value }
        }
        print("at once: \(Int(time / unit)) units")
    }
}
