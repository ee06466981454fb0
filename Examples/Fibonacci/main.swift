// SPDX-License-Identifier: Apache-2.0

// Go's tour, https://go.dev/tour/concurrency/5, line by line.
import Channels

func fibonacci(_ c: Chan<Int>, _ quit: Chan<Int>) async throws {
    var (x, y) = (0, 1)
    while try await select({
        send(x, to: c) {
            (x, y) = (y, x + y)
            return true
        }
        receive(from: quit) { _ in
            print("quit")
            return false
        }
    }) {}
}

let c = Chan<Int>()
let quit = Chan<Int>()
go {
    for _ in 0..<10 {
        print(try await c.receive())
    }
    try await quit.send(0)
}
try await fibonacci(c, quit)
