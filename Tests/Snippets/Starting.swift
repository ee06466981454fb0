// SPDX-License-Identifier: Apache-2.0

import Channels

@Sendable func readme() async throws {
    let closer = go { try await closeOnceUsed("jobs") }
    let client = try await ChandClient.connect()
    let jobs = try await client.channel("jobs", capacity: 16, of: String.self)
    try await jobs.send("hello")  // waits while 16 are in the buffer
    let stop = try await client.channel("stop", capacity: 0, of: Bool.self)
    let what = try await select {
        receive(from: jobs) { job in "got \(job)" }
        receive(from: stop) { _ in "stopped" }
        timeout(.seconds(1)) { "nothing came" }
    }
    for try await job in jobs { print(job) }  // until somebody closes it
    try expect(what == "got hello")
    await client.close()
    try await closer.value
}

private func closeOnceUsed(_ name: String) async throws {
    let client = try await ChandClient.connect()
    let channel = try await client.channel(name, of: String.self)
    while try await channel.status().accepted == 0 { await Task.yield() }
    try await channel.close()
    await client.close()
}

private struct Job: Codable {
    var path: String
    var size: Int
}

@Sendable func gettingStarted() async throws {
    async let sent: Void = produce()
    let client = try await ChandClient.connect()
    let jobs = try await client.channel("thumbnails", capacity: 16, of: Job.self)
    for try await job in jobs {
        print("\(job.path) has \(job.size) bytes")
    }
    await client.close()
    try await sent
}

private func produce() async throws {
    let client = try await ChandClient.connect()
    try await client.run {
        let jobs = try await client.channel("thumbnails", capacity: 16, of: Job.self)
        try await jobs.send(Job(path: "/tmp/cat.png", size: 4096))
        try await jobs.close()
    }
    await client.close()
}

@Sendable func inside() async throws {
    let numbers = Chan<Int>(size: 16)
    let producer = go {
        for number in 1...3 { try await numbers.send(number) }
        try await numbers.close()
    }
    var sum = 0
    for try await number in numbers { sum += number }
    try await producer.value
    try expect(sum == 6)
}

@Sendable func channels() async throws {
    let client = try await ChandClient.connect()
    let meet = try await client.channel("meet", capacity: 0, of: String.self)  // a send meets a receive
    let buffer = try await client.channel("buffer", capacity: 2, of: [UInt8].self)  // room for two
    let pile = try await client.channel("pile", capacity: -1, of: Int.self)  // room for all
    let met = try await meet.trySend("nobody receives")  // false
    try await buffer.send([1, 2, 3])
    try await pile.send(contentsOf: 1...1000)
    let length = try await pile.length
    let cap = try await buffer.capacity
    try expect(!met && length == 1000 && cap == .buffered(2))
    await client.close()
}

@Sendable func iterating() async throws {
    let client = try await ChandClient.connect()
    let lines = try await client.channel("lines", capacity: 8, of: String.self)
    try await lines.send(contentsOf: ["a", "b"])
    try await lines.close(reason: CloseReason("that was all"))
    for try await line in lines { print(line) }
    do {
        try await lines.send("c")
    } catch let closed as ChannelClosed {
        print(closed.reason.text)
    }
    await client.close()
}

@Sendable func batches() async throws {
    let client = try await ChandClient.connect()
    let samples = try await client.channel("samples", capacity: 4096, of: Double.self)
    try await samples.send(contentsOf: [0.5, 1.5, 2.5])
    try await samples.close()
    for try await some in samples.batches(of: 512) { print(some.count) }
    await client.close()
}

@Sendable func passing() async throws {
    let client = try await ChandClient.connect()
    let questions = try await client.channel(
        "questions", capacity: 4, of: Request<String, Int>.self)
    let server = go {
        let request = try await questions.receive()
        try await request.reply(request.question.count)
    }
    let answer = try await questions.call("how long is this?")
    try await server.value
    try expect(answer == 17)
    await client.close()
}

@Sendable func blocking() async throws {
    try await runBlocking { try work() }
}

private func work() throws {
    let client = try ChandClient.Blocking()
    let jobs = try client.channel("batch", capacity: 16, of: String.self)
    try jobs.send("one")
    try jobs.close()
    while let job = try jobs.next() { print(job) }
    client.close()
}
