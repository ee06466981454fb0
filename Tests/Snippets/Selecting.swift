// SPDX-License-Identifier: Apache-2.0

import Channels
import Glibc

@Sendable func selecting() async throws {
    let client = try await ChandClient.connect()
    let jobs = try await client.channel("select/jobs", capacity: 1, of: String.self)
    let counts = try await client.channel("select/counts", capacity: 1, of: Int.self)
    let line = try await select {
        receive(from: jobs) { job in "got \(job)" }
        send(1, to: counts) { "counted" }
        timeout(.seconds(1)) { "nothing for a second" }
    }
    try expect(line == "counted")
    await client.close()
}

@Sendable func conditions() async throws {
    let inputs = [Chan<Int>(size: 1), Chan<Int>(size: 1)]
    let output = Chan<Int>(size: 1)
    var waiting: [Int] = [7]
    let isPaused = false
    try await select {
        if !isPaused {
            for input in inputs {
                receive(from: input) { number in waiting.append(number) }
            }
        }
        if let first = waiting.first {
            send(first, to: output) { waiting.removeFirst() }
        }
        otherwise { print("nothing can proceed") }
    }
    try expect(waiting.isEmpty)
}

@Sendable func ready() async throws {
    let ticks = tick(every: .milliseconds(10))
    let end = after(.milliseconds(35))
    var count = 0
    loop: while true {
        let winner = try await select([receive(from: ticks), receive(from: end)])
        switch winner.index {
        case 0: count += 1
        default: break loop
        }
    }
    try expect(count > 0)
}

@Sendable func several() async throws {
    let a = Chan<Int>(size: 8)
    let b = Chan<String>(size: 8)
    try await a.send(contentsOf: [1, 2])
    try await b.send("x")
    let winners = try await select(upTo: 100, [receive(from: a), receive(from: b)])
    try expect(winners.count == 3)
}

@Sendable func sources() async throws {
    let jobs = Chan<String>()
    let work = go { 6 * 7 }
    let answer = try await select {
        receive(from: jobs) { job in "got \(job)" }
        finished(work) { value in "computed \(value)" }
        signal(SIGTERM) { "asked to end" }
    }
    try expect(answer == "computed 42")
}

@Sendable func pending() async throws {
    let numbers = Chan<Int>()
    let names = Chan<String>(size: 1)
    let set = SelectSet<String>()
    set.receive("number", from: numbers)
    set.send("number sent", 3, to: numbers)
    set.send("name sent", "x", to: names)
    var ended: [String] = []
    while let completion = try await set.select() { ended.append(completion.id) }
    try expect(ended.sorted() == ["name sent", "number", "number sent"])
}

@Sendable func fromGo() async throws {
    let c = Chan<Int>()
    let quit = Chan<Int>()
    go {
        for _ in 0..<10 { print(try await c.receive()) }
        try await quit.send(0)
    }
    var (x, y) = (0, 1)
    var running = true
    while running {
        try await select {
            send(x, to: c) { (x, y) = (y, x + y) }
            receive(from: quit) { _ in
                print("quit")
                running = false
            }
        }
    }
    try expect(x == 55)
}

@Sendable func fromAwaitchannel() async throws {
    let chan = Chan<Int>(size: 1)
    let consumer = go {
        for try await value in chan { print("got \(value)") }
    }
    try await chan.send(4)
    try await chan.close()
    try await consumer.value
}
