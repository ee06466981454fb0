// SPDX-License-Identifier: Apache-2.0

import Channels

@Sendable func leases() async throws {
    let client = try await ChandClient.connect()
    let jobs = try await client.channel("leases/jobs", capacity: 16, of: String.self)
    try await jobs.send("a.png")
    try await jobs.close()
    let terms = LeaseTerms(time: .seconds(30), attempts: 3, deadLetter: "leases/dead")
    for try await lease in jobs.leases(terms) {
        print("attempt \(lease.attempts + 1) at \(lease.element)")
        try await lease.done()
    }
    await client.close()
}

@Sendable func confirming() async throws {
    let client = try await ChandClient.connect()
    let jobs = try await client.channel("confirming/jobs", capacity: 16, of: String.self)
    let worker = go {
        let lease = try await jobs.lease()
        try await lease.done()
    }
    try await jobs.send("b.png", confirm: .settlement, timeout: .seconds(60))
    try await worker.value
    await client.close()
}

@Sendable func errors() async throws {
    let client = try await ChandClient.connect()
    do {
        _ = try await client.channel("errors", of: Int.self, options: ChannelOptions(mustExist: true))
    } catch let error as ChandError where error.code == .noSuchChannel {
        print(error)
    }
    await client.close()
}

@Sendable func undecodable() async throws {
    let client = try await ChandClient.connect()
    let numbers = try await client.channel(
        "numbers", capacity: 16, of: Int.self,
        options: ChannelOptions(undecodable: .deadLetter("not-numbers")))
    let texts = try await client.channel("numbers", of: String.self)
    try await texts.send("x")
    do {
        _ = try await numbers.receive()
        throw Unexpected(line: #line)
    } catch let error as ChandError where error.code == .decoding {}
    try expect(try await numbers.length == 0)
    await client.close()
}

@Sendable func closing() async throws {
    let client = try await ChandClient.connect()
    let jobs = try await client.channel("closing", capacity: 1, of: Int.self)
    let first = try await jobs.close(reason: CloseReason(code: 1, "done for today"))
    let second = try await jobs.close()
    try expect(first && !second)
    await client.close()
}

@Sendable func timeouts() async throws {
    let jobs = Chan<Int>()
    do {
        _ = try await jobs.receive(timeout: .milliseconds(10))
    } catch let error as ChandError where error.code == .timeout {
        print("nothing came, and nothing was taken")
    }
}

@Sendable func reconnecting() async throws {
    let client = try await ChandClient.connect(reconnect: .automatic(waiting: .seconds(30)))
    let jobs = try await client.channel(
        "rejoined", capacity: 16, of: String.self, options: ChannelOptions(rejoin: true))
    let watcher = go {
        for await state in client.states {
            if case .disconnected(let error) = state { print(error) }
        }
    }
    try await jobs.send("survives nothing, but the channel is opened again")
    await client.close()
    try await watcher.value
}

@Sendable func limits() async throws {
    let client = try await ChandClient.connect()
    let limits = client.daemon.limits
    print(
        "messages of up to \(limits.maxMessageBytes) bytes, selects of up to \(limits.maxSelectCases) cases")
    await client.close()
}

@Sendable func fast() async throws {
    let client = try await ChandClient.connect()
    try await client.run {
        let numbers = try await client.channel("fast", capacity: 4096, of: Int.self)
        async let sent: Void = send(1000, to: numbers)
        var sum = 0
        for try await number in numbers.readingAhead(512) { sum += number }
        try await sent
        try expect(sum == 499_500)
    }
    await client.close()
}

private func send(_ count: Int, to numbers: Chan<Int>) async throws {
    for number in 0..<count { try await numbers.sendLater(number) }
    try await numbers.flush()
    try await numbers.close()
}
