// SPDX-License-Identifier: Apache-2.0

import Channels

/// Go's tour: Fibonacci numbers until somebody says quit, by a select over a send and a receive.
@main
struct SelectLoop {
    static func main() async throws {
        let client = try await ChandClient.connect(name: "select-loop")
        try await client.run {
            let numbers = try await client.channel("fibonacci/numbers", capacity: 0, of: Int.self)
            let quit = try await client.channel("fibonacci/quit", capacity: 0, of: Bool.self)
            async let reader: Void = {
                for _ in 0..<10 { print(try await numbers.receive()) }
                try await quit.send(true)
            }()
            try await fibonacci(numbers, quit)
            try await reader
        }
        await client.close()
    }

    private static func fibonacci(_ numbers: Chan<Int>, _ quit: Chan<Bool>) async throws {
        var (x, y) = (0, 1)
        var running = true
        while running {
            running = try await select {
                send(x, to: numbers) {
                    (x, y) = (y, x + y)
                    return true
                }
                receive(from: quit) { _ in
                    print("quit")
                    return false
                }
            }
        }
    }
}
