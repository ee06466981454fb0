// SPDX-License-Identifier: Apache-2.0

import Channels
import Glibc

/// Functions that block, one after the other and then at once, awaited from async code.
enum Blocking {
    static func run(unit: Duration) throws {
        let oneByOne = go {
            try await ContinuousClock().measure {
                for count in 1...3 { try await sleep(unit * count) }
            }
        }
        print("one after the other: \(units(try oneByOne.result(), unit)) units")
        let atOnce = go {
            try await ContinuousClock().measure {
                let sleeps = (1...3).map { count in go { try await sleep(unit * count) } }
                for sleep in sleeps { try await sleep.value }
            }
        }
        print("at once: \(units(try atOnce.result(), unit)) units")
    }

    private static func sleep(_ duration: Duration) async throws {
        let (seconds, attoseconds) = duration.components
        await runBlocking {
            var time = timespec(tv_sec: Int(seconds), tv_nsec: Int(attoseconds / 1_000_000_000))
            nanosleep(&time, nil)
        }
    }

    /// Whole units that fit in.
    private static func units(_ duration: Duration, _ unit: Duration) -> Int { Int(duration / unit) }
}
