// SPDX-License-Identifier: Apache-2.0

import ChanTestSupport
import ChanWire
import Channels
import Testing

/// Channels through the library and the built daemon.
@Suite struct LiveChannelTests {
    private struct Job: Codable, Equatable, Sendable {
        var number: Int
        var words: [String]
    }

    @Test func everyKindOfElementGoesThrough() async throws {
        try await withDaemon { _, client in
            let bytes = try await client.channel("bytes", capacity: 4, of: [UInt8].self)
            for message in [[], [1, 2, 3], [UInt8](repeating: 9, count: 100_000)] as [[UInt8]] {
                try await bytes.send(message)
                #expect(try await bytes.receive() == message)
            }
            let numbers = try await client.channel("numbers", capacity: 4, of: Int32.self)
            try await numbers.send(-7)
            #expect(try await numbers.recv() == -7)
            let jobs = try await client.channel("jobs", capacity: 4, of: Job.self)
            let job = Job(number: 3, words: ["a", "b"])
            try await jobs.send(job)
            #expect(try await jobs.receive() == job)
            let slices = try await client.channel("slices", capacity: 4, of: MessageBytes.self)
            try await slices.send([5, 6])
            #expect(try await slices.receive() == [5, 6])
        }
    }

    @Test func triesAndTimeouts() async throws {
        try await withDaemon { _, client in
            let channel = try await client.channel("c", capacity: 2, of: String.self)
            #expect(try await channel.tryReceive() == nil)
            #expect(try await channel.tryReceive(upTo: 5).isEmpty)
            #expect(try await channel.trySend("a"))
            #expect(try await channel.trySend(contentsOf: ["b", "c"]) == 1)
            #expect(try await !channel.trySend("d"))
            var error = await #expect(throws: ChandError.self) {
                try await channel.send("d", timeout: .milliseconds(20))
            }
            #expect(error?.code == .timeout)
            error = await #expect(throws: ChandError.self) { try await channel.send("d", timeout: .zero) }
            #expect(error?.code == .timeout)
            error = await #expect(throws: ChandError.self) {
                try await channel.send(contentsOf: ["d"], timeout: .milliseconds(20))
            }
            #expect(error?.code == .timeout)
            #expect(try await channel.receive(upTo: 5) == ["a", "b"])
            error = await #expect(throws: ChandError.self) {
                _ = try await channel.receive(timeout: .milliseconds(20))
            }
            #expect(error?.code == .timeout)
            #expect(error?.channel?.hasSuffix("/c") == true)
        }
    }

    @Test func aRendezvousMeets() async throws {
        try await withDaemon { _, client in
            try await client.run {
                let channel = try await client.channel("r", capacity: 0, of: Int.self)
                #expect(try await !channel.trySend(1))
                async let sent: Void = channel.send(2)
                try await wait(for: channel, "a sender") { $0.waitingSends == 1 }
                #expect(try await channel.receiveReady())
                #expect(try await channel.length == 0)
                #expect(try await channel.capacity == .rendezvous)
                #expect(try await channel.receive() == 2)
                try await sent
            }
        }
    }

    @Test func closingEndsIterationsAndFailsSends() async throws {
        try await withDaemon { _, client in
            let channel = try await client.channel("c", capacity: 8, of: Int.self)
            try await channel.send(contentsOf: [1, 2, 3])
            #expect(try await channel.close(reason: CloseReason(code: 7, "enough")))
            #expect(try await !channel.close())
            var taken: [Int] = []
            for try await number in channel { taken.append(number) }
            #expect(taken == [1, 2, 3])
            for expected in [
                try await closed { try await channel.send(4) },
                try await closed { _ = try await channel.receive() },
                try await closed { _ = try await channel.tryReceive() },
                try await closed { _ = try await channel.trySend(4) },
                try await closed { try await channel.send(contentsOf: [4, 5]) },
            ] {
                #expect(expected.reason == CloseReason(code: 7, "enough"))
                #expect(expected.channel == channel.name)
            }
            let status = try await channel.status()
            #expect(status.isClosed)
            #expect(status.closeReason?.text == "enough")
        }
    }

    private func closed(_ body: () async throws -> Void) async throws -> ChannelClosed {
        do {
            try await body()
        } catch let error as ChannelClosed {
            return error
        }
        throw LiveFailure("the channel was not closed")
    }

    @Test func consumersShareAndAllEnd() async throws {
        try await withDaemon { _, client in
            try await client.run {
                let channel = try await client.channel("c", capacity: 0, of: Int.self)
                let all = try await withThrowingTaskGroup(of: [Int].self) { group in
                    for consumer in 0..<4 {
                        group.addTask {
                            var taken: [Int] = []
                            if consumer == 0 {
                                for try await number in channel.readingAhead(4) {
                                    taken.append(number)
                                }
                            } else if consumer == 1 {
                                for try await numbers in channel.batches(of: 4) { taken += numbers }
                            } else {
                                for try await number in channel { taken.append(number) }
                            }
                            return taken
                        }
                    }
                    group.addTask {
                        try await withThrowingTaskGroup(of: Void.self) { senders in
                            for sender in 0..<3 {
                                senders.addTask {
                                    for number in 0..<100 { try await channel.send(sender * 100 + number) }
                                }
                            }
                            try await senders.waitForAll()
                        }
                        try await channel.close()
                        return []
                    }
                    return try await group.reduce(into: []) { $0 += $1 }
                }
                #expect(all.sorted() == Array(0..<300))
            }
        }
    }

    @Test func orderIsKeptInBatchesLargerThanAFrame() async throws {
        try await withDaemon(["limits.message_bytes": "64KiB"]) { _, client in
            try await client.run {
                let channel = try await client.channel("c", capacity: -1, of: [UInt8].self)
                let batch = (0..<200).map { [UInt8](repeating: UInt8($0), count: 5000) }
                #expect(try await channel.send(contentsOf: batch) == 200)
                var taken: [[UInt8]] = []
                while taken.count < 200 { taken += try await channel.receive(upTo: 1000) }
                #expect(taken == batch)
                let error = await #expect(throws: ChandError.self) {
                    try await channel.send(contentsOf: [[1], [UInt8](repeating: 0, count: 65537), [2]])
                }
                #expect(error?.code == .messageTooLarge)
                #expect(error?.accepted == 1)
                #expect(try await channel.length == 1)
            }
        }
    }

    @Test func aBatchThatWaitsIsCancelledInPart() async throws {
        try await withDaemon { _, client in
            let channel = try await client.channel("c", capacity: 2, of: Int.self)
            let task = Task { try await channel.send(contentsOf: Array(0..<10)) }
            try await wait(for: channel, "a full buffer") { $0.length == 2 && $0.waitingSends > 0 }
            task.cancel()
            let error = await #expect(throws: ChandError.self) { try await task.value }
            #expect(error?.code == .cancelled)
            #expect(error?.accepted == 2)
            #expect(try await channel.status().waitingSends == 0)
        }
    }

    @Test func openingStatesAndAccepts() async throws {
        try await withDaemon { _, client in
            let first = try await client.channel(
                "c", capacity: 3, of: Int.self, options: ChannelOptions(typeTag: "number", keep: true))
            #expect(first.wasCreated)
            let second = try await client.channel("c", of: Int.self, role: .receive)
            #expect(!second.wasCreated)
            #expect(second.generation == first.generation)
            var error = await #expect(throws: ChandError.self) {
                _ = try await client.channel("c", capacity: 4, of: Int.self)
            }
            #expect(error?.code == .mismatch)
            #expect(error?.message.contains("3") == true)
            error = await #expect(throws: ChandError.self) { try await second.send(1) }
            #expect(error?.code == .wrongRole)
            error = await #expect(throws: ChandError.self) {
                _ = try await client.channel("d", of: Int.self, options: ChannelOptions(mustExist: true))
            }
            #expect(error?.code == .noSuchChannel)
            error = await #expect(throws: ChandError.self) {
                _ = try await client.channel("c", of: Int.self, options: ChannelOptions(mustCreate: true))
            }
            #expect(error?.code == .exists)
            error = await #expect(throws: ChandError.self) {
                _ = try await client.channel("a//b", of: Int.self)
            }
            #expect(error?.code == .invalidName)
            error = await #expect(throws: ChandError.self) {
                _ = try await client.channel("e", capacity: -2, of: Int.self)
            }
            #expect(error?.code == .invalidArgument)
        }
    }

    @Test func stoppingEndsReceivesOnly() async throws {
        try await withDaemon { _, client in
            let channel = try await client.channel("c", capacity: 2, of: Int.self)
            let task = Task { try await channel.receive() }
            try await wait(for: channel, "a receiver") { $0.waitingReceives == 1 }
            try await channel.stop()
            let error = await #expect(throws: ChandError.self) { _ = try await task.value }
            #expect(error?.code == .handleClosed)
            try await channel.send(1)
            #expect(try await channel.status().receivers == 0)
        }
    }

    @Test func releasingEndsWhatWaits() async throws {
        try await withDaemon { _, client in
            let channel = try await client.channel("c", capacity: 0, of: Int.self)
            let other = try await client.channel("c", of: Int.self)
            let task = Task { try await channel.receive() }
            try await wait(for: other, "a receiver") { $0.waitingReceives == 1 }
            await channel.release()
            let error = await #expect(throws: ChandError.self) { _ = try await task.value }
            #expect(error?.code == .handleClosed)
            #expect(try await other.status().receivers == 1)
        }
    }

    @Test func theLastSenderClosesTheChannel() async throws {
        try await withDaemon { _, client in
            let options = ChannelOptions(closeWithLastSender: true)
            let receiver = try await client.channel(
                "c", capacity: 4, of: Int.self, role: .receive, options: options)
            do {
                let sender = try await client.channel("c", of: Int.self, role: .send)
                try await sender.send(1)
            }
            var taken: [Int] = []
            for try await number in receiver { taken.append(number) }
            #expect(taken == [1])
        }
    }

    @Test func whatComesBackSaysSo() async throws {
        try await withDaemon { daemon, client in
            let channel = try await client.channel("c", capacity: 2, of: String.self)
            try await channel.send("again")
            let path = daemon.socketPath
            try await onThread {
                // A session that takes the message and is gone without having settled it.
                let other = try WireClient(path)
                guard try other.receive(other.open("c")).delivered?.texts == ["again"] else {
                    throw LiveFailure("the other session got nothing")
                }
            }
            let message = try await channel.receiveMessage()
            #expect(message.element == "again")
            #expect(message.isRedelivered)
            #expect(message.attempts == 1)
            try await channel.send("new")
            let fresh = try await channel.receiveMessage(timeout: .seconds(60))
            #expect(!fresh.isRedelivered)
            #expect(fresh.attempts == 0)
        }
    }

    @Test func aMessageThatDoesNotDecodeStays() async throws {
        try await withDaemon { _, client in
            let bytes = try await client.channel("c", capacity: 4, of: [UInt8].self)
            let numbers = try await client.channel("c", of: Int32.self)
            try await bytes.send(contentsOf: [[1, 0, 0, 0], [1, 2], [2, 0, 0, 0]])
            #expect(try await numbers.receive() == 1)
            let error = await #expect(throws: ChandError.self) { _ = try await numbers.receive() }
            #expect(error?.code == .decoding)
            try await wait(for: bytes, "all back") { $0.unsettled == 0 }
            #expect(try await bytes.receive() == [1, 2])
            #expect(try await numbers.receive() == 2)
        }
    }

    @Test func channelsOfOneLifeAreEqual() async throws {
        try await withDaemon { _, client in
            let first = try await client.channel("c", of: Int.self)
            let second = try await client.channel("/uid/\(client.daemon.user)/c", of: Int.self)
            let other = try await client.channel("d", of: Int.self)
            #expect(first == second)
            #expect(first != other)
            #expect(Set([first, second, other]).count == 2)
            try await client.remove("c")
            let next = try await client.channel("c", of: Int.self)
            #expect(first != next)
        }
    }

    @Test func cancelStorm() async throws {
        try await withDaemon { _, client in
            let channel = try await client.channel("c", capacity: 1, of: Int.self)
            let received = try await client.run {
                try await withThrowingTaskGroup(of: Int.self) { group in
                    for number in 0..<300 {
                        group.addTask {
                            let task = Task(executorPreference: client.executor) {
                                try await channel.send(number)
                            }
                            if number % 3 == 0 { task.cancel() }
                            let canceller = Task { if number % 3 == 1 { task.cancel() } }
                            _ = await canceller.result
                            return (try? await task.value) == nil ? 0 : 1
                        }
                    }
                    group.addTask {
                        var count = 0
                        while try await channel.tryReceive() != nil || count < 0 { count += 1 }
                        return 0
                    }
                    let drain = Task(executorPreference: client.executor) {
                        var count = 0
                        do { while true { _ = try await channel.receive(); count += 1 } } catch {}
                        return count
                    }
                    let sent = try await group.reduce(0, +)
                    try await wait(for: channel, "nothing left") { $0.length == 0 && $0.waitingSends == 0 }
                    drain.cancel()
                    _ = await drain.value
                    return sent
                }
            }
            let status = try await channel.status()
            #expect(status.accepted == UInt64(received))
            #expect(status.settled == UInt64(received))
            #expect(status.unsettled == 0)
        }
    }

    @Test func hundredsOfTasksAtOnce() async throws {
        try await withDaemon { _, client in
            try await client.run {
                let channel = try await client.channel("c", capacity: 16, of: Int.self)
                let sum = try await withThrowingTaskGroup(of: Int.self) { group in
                    for number in 0..<300 {
                        group.addTask {
                            try await channel.send(number)
                            return 0
                        }
                        group.addTask { try await channel.receive() }
                    }
                    return try await group.reduce(0, +)
                }
                #expect(sum == 300 * 299 / 2)
            }
        }
    }
}
