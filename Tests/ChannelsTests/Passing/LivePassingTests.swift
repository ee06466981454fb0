// SPDX-License-Identifier: Apache-2.0

import ChanTestSupport
import Channels
import Testing

private struct Question: Codable, Sendable {
    var text: String
    var answers: Chan<Int>.Sender
    var others: [Chan<String>] = []
}

/// Channels in messages, through the library and the built daemon (rule 26).
@Suite struct LivePassingTests {
    @Test func aChannelIsAnElement() async throws {
        try await withDaemon { _, client in
            let lines = try await client.channel("lines", capacity: 4, of: Chan<Int>.self)
            let numbers = try await client.unnamed(capacity: 2, of: Int.self)
            #expect(numbers.name.hasPrefix("$") && numbers.role == .both)
            try await lines.send(numbers)
            let passed = try await lines.receive()
            #expect(passed == numbers && passed.name != numbers.name && passed.role == .both)
            try await passed.send(7)
            #expect(try await numbers.receive() == 7)
            // The passed handle is closed with its last value, and the channel with the last handle.
            await numbers.release()
            try await passed.send(8)
            #expect(try await passed.receive() == 8)
            await passed.release()
            let error = await #expect(throws: ChandError.self) { try await passed.send(9) }
            #expect(error?.code == .handleClosed)
            let gone = await #expect(throws: ChandError.self) {
                _ = try await client.channel(numbers.name, of: Int.self)
            }
            #expect(gone?.code == .noSuchChannel)
        }
    }

    @Test func channelsAreProperties() async throws {
        try await withDaemon { _, client in
            let questions = try await client.channel("questions", capacity: 4, of: Question.self)
            let answers = try await client.unnamed(capacity: 2, of: Int.self)
            let others = [
                try await client.unnamed(capacity: 1, of: String.self),
                try await client.channel("named", capacity: 1, of: String.self),
            ]
            try await questions.send(
                Question(text: "how many?", answers: answers.sender, others: others))
            let question = try await questions.receive()
            #expect(question.text == "how many?" && question.others == others)
            try await question.answers.send(3)
            try await question.others[1].send("x")
            #expect(try await answers.receive() == 3)
            #expect(try await others[1].receive() == "x")
            try await wait(for: answers, "a sender more") { $0.senders == 2 && $0.receivers == 1 }
        }
    }

    /// Among the winners of several selects, of which each may pass some.
    @Test func severalSelectsPassChannels() async throws {
        try await withDaemon { _, client in
            let lines = try await client.channel("lines", capacity: 4, of: Chan<Int>.self)
            let texts = try await client.channel("texts", capacity: 4, of: String.self)
            let first = try await client.unnamed(capacity: 1, of: Int.self)
            let second = try await client.unnamed(capacity: 1, of: Int.self)
            try await lines.send(contentsOf: [first, second])
            try await texts.send("a")
            let winners = try await select(
                upTo: 9, [receive(from: lines), receive(from: texts)], ordered: true)
            #expect(winners.map(\.index) == [0, 0, 1])
            let passed = winners.compactMap { $0.element(as: Chan<Int>.self) }
            #expect(passed == [first, second])
            for (number, channel) in passed.enumerated() { try await channel.send(number) }
            #expect(try await [first.receive(), second.receive()] == [0, 1])
            #expect(winners.last?.element(as: String.self) == "a")
        }
    }

    @Test func whatIsNotTakenIsClosed() async throws {
        try await withDaemon { daemon, client in
            let lines = try await client.channel("lines", capacity: 4, of: Chan<Int>.self)
            let numbers = try await client.unnamed(capacity: 2, of: Int.self)
            try await lines.send(contentsOf: [numbers, numbers])
            let raw = try await client.channel("lines", of: MessageBytes.self)
            try await wait(for: numbers, "two listings") { $0.senders == 3 }
            let bytes = try await raw.receive()
            #expect(bytes.isEmpty && bytes.channelCount == 1)
            try await wait(for: numbers, "one listing") { $0.senders == 2 }
            // The daemon gives the number to the next that is opened.
            let another = try await client.channel("another", capacity: 1, of: Int.self)
            #expect(throws: UnexpectedMessage.self) { let _: Chan<Int> = try bytes.channel(0) }
            try await another.send(1)
            do { _ = try await lines.receive() }
            try await wait(for: numbers, "no listing") { $0.senders == 1 }
        }
    }

    @Test func aChannelOfBytesIsTakenFromALease() async throws {
        try await withDaemon { _, client in
            let lines = try await client.channel("lines", capacity: 4, of: Chan<Int>.self)
            let numbers = try await client.unnamed(capacity: 2, of: Int.self)
            try await lines.send(numbers)
            let raw = try await client.channel("lines", of: MessageBytes.self)
            let lease = try await raw.lease()
            let passed: Chan<Int> = try lease.element.channel(0)
            #expect(throws: UnexpectedMessage.self) { let _: Chan<Int> = try lease.element.channel(0) }
            try await lease.done()
            try await passed.send(1)
            #expect(try await numbers.receive() == 1)
        }
    }

    @Test func anotherTypeIsRefusedAndGivenBack() async throws {
        try await withDaemon { _, client in
            let lines = try await client.channel("lines", capacity: 4, of: Chan<Int>.self)
            let numbers = try await client.unnamed(capacity: 2, of: Int.self)
            try await lines.send(numbers)
            let texts = try await client.channel("lines", of: Chan<String>.self)
            let error = await #expect(throws: ChandError.self) { _ = try await texts.receive() }
            #expect(error?.code == .decoding && error?.underlying?.contains("Int") == true)
            let plain = try await client.channel("lines", of: Question.self)
            await #expect(throws: ChandError.self) { _ = try await plain.receive() }
            let message = try await lines.receiveMessage()
            #expect(message.isRedelivered)
            try await message.element.send(1)
            #expect(try await numbers.receive() == 1)
        }
    }

    @Test func aLeasedChannelIsThereWhenTheLeaseIsDone() async throws {
        try await withDaemon { _, client in
            let lines = try await client.channel("lines", capacity: 4, of: Chan<Int>.self)
            let numbers = try await client.unnamed(capacity: 2, of: Int.self)
            try await lines.send(numbers)
            let first = try await lines.lease()
            let early = await #expect(throws: ChandError.self) { try await first.element.send(1) }
            #expect(early?.code == .handleClosed)
            try await first.giveBack()
            let late = await #expect(throws: ChandError.self) { try await first.element.send(1) }
            #expect(late?.code == .handleClosed)
            let second = try await lines.lease()
            try await second.done()
            try await second.element.send(2)
            #expect(try await numbers.receive() == 2)
            try await wait(for: numbers, "one handle more") { $0.senders == 2 }
            await second.element.release()
            try await wait(for: numbers, "its own handle") { $0.senders == 1 }
        }
    }

    /// The numbers of a lease that had expired may be other handles' by now.
    @Test func doneLaterTooLateTouchesNoOthersHandle() async throws {
        try await withDaemon { daemon, client in
            let lines = try await client.channel("lines", capacity: 4, of: Chan<Int>.self)
            let numbers = try await client.unnamed(capacity: 2, of: Int.self)
            try await lines.send(numbers)
            let late = try await lines.lease(LeaseTerms(time: .milliseconds(5)))
            try await wait(for: lines, "the lease to expire") { $0.length == 1 }
            // One of them gets the number that was offered.
            var others: [Chan<Int>] = []
            for number in 0..<4 {
                others.append(try await client.channel("other\(number)", capacity: 1, of: Int.self))
            }
            try late.doneLater()
            let error = await #expect(throws: ChandError.self) { try await late.element.send(1) }
            #expect(error?.code == .handleClosed)
            await late.element.release()
            for other in others {
                #expect(try await other.length == 0)
                try await other.send(2)
            }
            #expect(try await numbers.length == 0)
        }
    }

    @Test func aLeasedChannelIsThereOnceTheDaemonKnowsThatItIsDone() async throws {
        try await withDaemon { _, client in
            let lines = try await client.channel("lines", capacity: 4, of: Chan<Int>.self)
            let numbers = try await client.unnamed(capacity: 2, of: Int.self)
            try await lines.send(numbers)
            let lease = try await lines.lease()
            try lease.doneLater()
            // Answered after what was asked before.
            try await client.ping()
            try await lease.element.send(1)
            #expect(try await numbers.receive() == 1)
        }
    }

    /// An end that was sent and dropped is closed, though nothing else is asked of the daemon (rule 24).
    @Test func whatIsPassedLaterIsNotHeld() async throws {
        try await withDaemon { daemon, client in
            let other = try await ChandClient.connect(to: daemon.socketPath, name: "other")
            let seen = try await other.channel("named", capacity: 1, of: Int.self, role: .receive)
            let lines = try await client.channel("lines", capacity: 4, of: Chan<Int>.self)
            do {
                let named = try await client.channel("named", of: Int.self, role: .send)
                try await lines.sendLater(named)
            }
            try await wait(for: seen, "nobody but the message to have it") { $0.senders == 1 }
            await other.close()
        }
    }

    @Test func onlyWhatCanBePassedIs() async throws {
        try await withDaemon { daemon, client in
            let lines = try await client.channel("lines", capacity: 4, of: Chan<Int>.self)
            let other = try await ChandClient.connect(to: daemon.socketPath, name: "other")
            let foreign = try await other.unnamed(of: Int.self)
            let released = try await client.unnamed(of: Int.self)
            await released.release()
            for (channel, code) in [
                (Chan<Int>(), ChandError.Code.encoding), (foreign, .encoding), (released, .handleClosed),
            ] {
                let error = await #expect(throws: ChandError.self) { try await lines.send(channel) }
                #expect(error?.code == code)
                let selected = await #expect(throws: ChandError.self) {
                    _ = try await select([send(channel, to: lines)])
                }
                #expect(selected?.code == code)
            }
            let questions = try await client.channel("questions", capacity: 1, of: Question.self)
            let answers = try await client.unnamed(of: Int.self)
            let text = try await client.unnamed(of: String.self)
            let many = Question(
                text: "", answers: answers.sender, others: Array(repeating: text, count: 16))
            let error = await #expect(throws: ChandError.self) { try await questions.send(many) }
            #expect(error?.code == .encoding)
            await other.close()
        }
    }

    @Test(arguments: [true, false])
    func everyWayToReceivePassesThem(onLoop: Bool) async throws {
        try await withDaemon { _, client in
            let body: @Sendable @concurrent () async throws -> Void = {
                let lines = try await client.channel("lines", capacity: 16, of: Chan<Int>.self)
                let numbers = try await client.unnamed(capacity: 16, of: Int.self)
                for _ in 0..<7 { try await lines.send(numbers) }
                // The first request on a passed channel stands right behind the settlement that makes it a handle.
                try await lines.receive().send(0)
                for channel in try await lines.receive(upTo: 1) { try await channel.send(1) }
                do {
                    let winner = try await select([receive(from: lines)])
                    let third: Chan<Int> = try #require(winner.element())
                    try await third.send(2)
                    let set = SelectSet<Int>()
                    set.receive(0, from: lines)
                    let claimed = try #require(try await set.select())
                    let fourth: Chan<Int> = try #require(claimed.element())
                    try await fourth.send(3)
                }
                let sent = try await select([send(numbers, to: lines)])
                #expect(sent.index == 0)
                var next = 4
                for try await channel in lines.readingAhead(8) {
                    try await channel.send(next)
                    next += 1
                    if next == 8 { break }
                }
                #expect(try await numbers.receive(upTo: 16) == [0, 1, 2, 3, 4, 5, 6, 7])
                try await wait(for: numbers, "no handle more") { $0.senders == 1 }
            }
            if onLoop { try await client.run(body) } else { try await body() }
        }
    }

    @Test func endsLearnOfEachOther() async throws {
        try await withDaemon { _, client in
            let (sender, receiver) = try await client.unnamedEnds(capacity: 1, of: Int.self)
            try await sender.send(1)
            await sender.release()
            #expect(try await receiver.receive() == 1)
            await #expect(throws: ChannelClosed.self) { try await receiver.receive() }
            let other = try await client.unnamedEnds(of: Int.self)
            await other.receiver.release()
            let error = await #expect(throws: ChandError.self) { try await other.sender.send(1) }
            #expect(error?.code == .noReceivers)
        }
    }
}
