// SPDX-License-Identifier: Apache-2.0

import Channels
import Glibc

/// Four consumers share what three producers send; the main thread closes the channel.
enum Simple {
    static let consumers = ["A", "B", "C", "D"]
    static let producers = ["x", "y", "z"]
    /// How long a consumer takes for a value.
    static let pause = Duration.milliseconds(100)

    static func run(pause: Duration) throws {
        let channel = Chan<String>()
        let consumers = consumers.map { name in go { try await consume(channel, as: name, pause) } }
        let producers = producers.map { name in go { try await produce(into: channel, as: name) } }
        for producer in producers { try producer.result() }
        _ = try go { try await channel.close() }.result()
        for consumer in consumers { try consumer.result() }
        print("closed")
    }

    static func consume(_ channel: Chan<String>, as name: String, _ pause: Duration) async throws {
        for try await value in channel {
            print("\(name) got \(value)")
            await runBlocking { block(for: pause) }
        }
        print("\(name) is done")
    }

    static func produce(into channel: Chan<String>, as name: String) async throws {
        for number in 0..<10 { try await channel.send("\(name)\(number)") }
    }
}

/// Blocks the thread.
func block(for duration: Duration) {
    let (seconds, attoseconds) = duration.components
    var time = timespec(tv_sec: Int(seconds), tv_nsec: Int(attoseconds / 1_000_000_000))
    nanosleep(&time, nil)
}
