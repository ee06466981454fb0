// SPDX-License-Identifier: Apache-2.0

import Channels
import Glibc

/// Four consumers share what three producers send; the main thread closes the channel.
enum Simple {
    static func run() throws {
        let channel = Chan<String>()
        let consumers = ["A", "B", "C", "D"].map { name in
            go {
                for try await value in channel {
                    print("\(name) got \(value)")
                    await runBlocking { _ = usleep(100_000) }
                }
                print("\(name) is done")
            }
        }
        let producers = ["x", "y", "z"].map { name in
            go {
                for number in 0..<10 { try await channel.send("\(name)\(number)") }
            }
        }
        for producer in producers { try producer.result() }
        _ = try go { try await channel.close() }.result()
        for consumer in consumers { try consumer.result() }
        print("closed")
    }
}
