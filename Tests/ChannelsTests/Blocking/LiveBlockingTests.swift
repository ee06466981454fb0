// SPDX-License-Identifier: Apache-2.0

import ChanTestSupport
import Channels
import Glibc
import Testing

/// The blocking client on threads of its own, with the built daemon and a client of tasks beside it.
@Suite struct LiveBlockingTests {
    private struct Job: Codable, Equatable {
        var number: Int
    }

    /// Runs a body with a blocking client on a thread.
    private func withBlocking(
        _ body: @escaping @Sendable (ChandClient.Blocking, DaemonUnderTest) throws -> Void
    ) async throws {
        try await withDaemon { daemon, _ in
            try await onThread {
                let client = try ChandClient.Blocking(to: daemon.socketPath, name: "blocking")
                try body(client, daemon)
                client.close()
            }
        }
    }

    private func code(_ body: () throws -> Void) -> ChandError.Code? {
        #expect(throws: ChandError.self) { try body() }?.code
    }

    @Test func elementsGoThroughBothKindsOfClient() async throws {
        try await withDaemon { daemon, client in
            let questions = try await client.channel("questions", capacity: 0, of: String.self)
            let answers = try await client.channel("answers", capacity: 4, of: Job.self)
            let texts = try await client.channel("texts", capacity: -1, of: String.self)
            // Several frames.
            let many = (0..<400).map { "\($0)" + String(repeating: "x", count: 1000) }
            async let served: Int = onThread {
                let client = try ChandClient.Blocking(to: daemon.socketPath)
                let questions = try client.channel("questions", of: String.self, role: .receive)
                let answers = try client.channel("answers", of: Job.self, role: .send)
                let texts = try client.channel("texts", of: String.self)
                var count = 0
                while let question = try questions.next() {
                    try answers.send(Job(number: question.count))
                    count += 1
                }
                try texts.send(contentsOf: many)
                try texts.close()
                return count
            }
            for question in ["a", "bb", "ccc"] {
                try await questions.send(question)
                #expect(try await answers.receive() == Job(number: question.count))
            }
            try await questions.close()
            #expect(try await served == 3)
            var received: [String] = []
            for try await some in texts.batches(of: 100) { received += some }
            #expect(received == many)
        }
    }

    @Test func largeMessagesAndManyAtOnce() async throws {
        try await withBlocking { client, _ in
            let blobs = try client.channel("blobs", capacity: -1, of: [UInt8].self)
            let sizes = [0, 1, 100_000, 131_072 - 40, 131_072, 1 << 20]
            for size in sizes { try blobs.send([UInt8](repeating: 7, count: size)) }
            for size in sizes { #expect(try blobs.receive(timeout: .seconds(60)).count == size) }
            let numbers = try client.channel("numbers", capacity: -1, of: Int.self)
            try numbers.send(contentsOf: 0..<3000)
            var received: [Int] = []
            while received.count < 3000 { received += try numbers.receive(upTo: 1000) }
            #expect(received == Array(0..<3000))
            #expect(try numbers.tryReceive(upTo: 5).isEmpty)
        }
    }

    @Test func triesAndTimeouts() async throws {
        try await withBlocking { client, _ in
            let jobs = try client.channel("jobs", capacity: 2, of: Int.self)
            #expect(try jobs.tryReceive() == nil)
            #expect(code { _ = try jobs.receive(timeout: .milliseconds(20)) } == .timeout)
            #expect(try jobs.trySend(1))
            #expect(try jobs.trySend(contentsOf: [2, 3]) == 1)
            #expect(try !jobs.trySend(3))
            #expect(code { try jobs.send(3, timeout: .milliseconds(20)) } == .timeout)
            let error = #expect(throws: ChandError.self) {
                _ = try jobs.receive()
                try jobs.send(contentsOf: [3, 4], timeout: .milliseconds(20))
            }
            #expect(error?.code == .timeout && error?.accepted == 1 && error?.channel == jobs.name)
            #expect(try jobs.receive(upTo: 9) == [2, 3])
            #expect(code { try jobs.wait(until: .closed, timeout: .milliseconds(20)) } == .timeout)
        }
    }

    @Test func closedChannelsSaySo() async throws {
        try await withBlocking { client, _ in
            let jobs = try client.channel("jobs", capacity: 2, of: Int.self)
            try jobs.send(1)
            #expect(try jobs.close(reason: CloseReason(code: 3, "enough")))
            #expect(try !jobs.close())
            #expect(throws: ChannelClosed.self) { try jobs.send(2) }
            #expect(try jobs.next() == 1)
            #expect(try jobs.next() == nil)
            let closed = #expect(throws: ChannelClosed.self) { try jobs.receive() }
            #expect(closed?.reason == CloseReason(code: 3, "enough"))
            #expect(try jobs.wait(until: .drained).text == "enough")
        }
    }

    @Test func aMessageIsSettledWithTheNextRequestOrWhenAsked() async throws {
        try await withDaemon { daemon, client in
            let jobs = try await client.channel("jobs", capacity: 8, of: Int.self)
            try await jobs.send(contentsOf: [1, 2, 3, 4])
            let blocking = try await OnThread {
                let client = try ChandClient.Blocking(to: daemon.socketPath)
                return (client, try client.channel("jobs", of: Int.self))
            }
            #expect(try await blocking.run { try $0.1.receive() } == 1)
            #expect(try await jobs.status().unsettled == 1)
            #expect(try await blocking.run { try $0.1.receive() } == 2)
            try await wait(for: jobs, "one unsettled") { $0.unsettled == 1 && $0.settled == 1 }
            try await blocking.run { try $0.0.settle() }
            try await wait(for: jobs, "none unsettled") { $0.unsettled == 0 }
            try await blocking.run { $0.0.settlesAtOnce = true }
            #expect(try await blocking.run { try $0.1.receive() } == 3)
            try await wait(for: jobs, "none unsettled at once") { $0.unsettled == 0 && $0.settled == 3 }
            try await blocking.run { $0.0.settlesAtOnce = false }
            #expect(try await blocking.run { try $0.1.receive() } == 4)
            // Going away is a close as well.
            try await blocking.drop()
            try await wait(for: jobs, "all settled") { $0.settled == 4 }
        }
    }

    @Test func whoWaitsForASettlementIsToldAtOnce() async throws {
        try await withDaemon { daemon, client in
            let jobs = try await client.channel("jobs", capacity: 8, of: Int.self)
            let blocking = try await OnThread {
                try ChandClient.Blocking(to: daemon.socketPath).channel("jobs", of: Int.self)
            }
            for confirm in [SendConfirmation.receipt, .settlement] {
                async let sent: Void = jobs.send(1, confirm: confirm, timeout: .seconds(60))
                #expect(try await blocking.run { try $0.receive() } == 1)
                try await sent
            }
            async let leased: Void = jobs.send(2, confirm: .receipt, timeout: .seconds(60))
            let held = try await blocking.run { HeldLease(try $0.lease()) }
            try await leased
            try await blocking.run { _ in try held.lease.done() }
            // While what is left of a closed channel is unsettled, others wait for the end of it.
            try await jobs.send(3)
            try await jobs.close()
            #expect(try await blocking.run { try $0.receive() } == 3)
            try await jobs.wait(until: .drained, timeout: .seconds(60))
            try await blocking.drop()
        }
    }

    @Test func leases() async throws {
        try await withBlocking { client, _ in
            let jobs = try client.channel("jobs", capacity: 8, of: Int.self)
            try jobs.send(1)
            let first = try jobs.lease()
            #expect(first.element == 1 && first.attempts == 0 && !first.isRedelivered)
            try first.giveBack()
            #expect(code { try first.done() } == .leaseExpired)
            #expect(code { try first.extend(by: .seconds(1)) } == .leaseExpired)
            do { _ = try jobs.lease() }
            let third = try jobs.lease(LeaseTerms(time: .seconds(60)))
            #expect(third.attempts == 2 && third.isRedelivered)
            try third.extend(by: nil)
            try third.done()
            #expect(try jobs.status().settled == 1)
            try jobs.send(2)
            let fourth = try jobs.lease()
            try fourth.doneLater()
            #expect(code { try fourth.doneLater() } == .leaseExpired)
            #expect(code { try fourth.giveBack() } == .leaseExpired)
            #expect(try jobs.status().settled == 2)
            #expect(code { _ = try jobs.lease(timeout: .zero) } == .timeout)
        }
    }

    /// What is done is done, though the client was not closed.
    @Test func whatWasDoneLaterIsSettledWhenTheClientGoes() async throws {
        try await withDaemon { daemon, client in
            let jobs = try await client.channel("jobs", capacity: 2, of: Int.self)
            try await jobs.send(contentsOf: [1, 2])
            try await onThread {
                let worker = try ChandClient.Blocking(to: daemon.socketPath, name: "worker")
                let lease = try worker.channel("jobs", of: Int.self).lease()
                try lease.doneLater()
            }
            try await wait(for: jobs, "the worker to go") { $0.receivers == 1 }
            #expect(try await jobs.status().settled == 1)
            #expect(try await jobs.receive() == 2)
        }
    }

    @Test func selecting() async throws {
        try await withBlocking { client, _ in
            let a = try client.channel("a", capacity: 1, of: Int.self)
            let b = try client.channel("b", capacity: 1, of: String.self)
            let none: BlockingChan<Int>? = nil
            #expect(
                try client.select([receive(from: a), receive(from: b)], timeout: .milliseconds(10)) == nil)
            let idle = try client.select([receive(from: a), timeout(.milliseconds(10))])
            #expect(idle?.index == 1)
            #expect(try client.select([receive(from: none), receive(from: a), otherwise()])?.index == 2)
            #expect(try client.select([receive(from: a), send("x", to: b)])?.index == 1)
            let winner = try client.select([receive(from: a), receive(from: b)])
            #expect(winner?.index == 1 && winner?.element(as: String.self) == "x")
            try a.close()
            #expect(try client.select([receive(from: b), receive(from: a)])?.isClosed == true)
            #expect(code { _ = try client.select([receive(from: none)]) } == .invalidArgument)
            let mixed = { try client.select([receive(from: b), Channels.signal(SIGUSR2)]) }
            #expect(code { _ = try mixed() } == .invalidArgument)
            #expect(
                code { _ = try client.select([receive(from: b), receive(from: Chan<Int>())]) }
                    == .invalidArgument)
        }
    }

    @Test func channelsInMessages() async throws {
        try await withDaemon { daemon, client in
            let doors = try await client.channel("doors", capacity: 1, of: Chan<Int>.self)
            let answers = try await client.unnamed(capacity: 1, of: Int.self)
            try await doors.send(answers)
            let task = try await onThread {
                let client = try ChandClient.Blocking(to: daemon.socketPath)
                let doors = try client.channel("doors", of: Chan<Int>.self)
                let passed = try doors.receive()
                let answers = try client.channel(passed)
                try answers.send(42)
                let own = try client.channel("own", capacity: 1, of: Int.self)
                try doors.send(own.passable)
                try own.send(43)
                #expect(throws: ChandError.self) { try client.channel(Chan<Int>()) }
                return passed
            }
            #expect(try await answers.receive() == 42)
            #expect(try await doors.receive().receive() == 43)
            let error = await #expect(throws: ChandError.self) { try await task.send(1) }
            #expect(error?.code == .invalidArgument)
            let late = await #expect(throws: ChandError.self) { try await task.receive() }
            #expect(late?.code == .invalidArgument)
            await task.release()
        }
    }

    @Test func lookingAndLettingGo() async throws {
        try await withBlocking { client, daemon in
            #expect(client.daemon.limits.maxMessageBytes > 0)
            #expect(try client.ping([1, 2, 3]) > .zero)
            #expect(
                code { _ = try client.channel("x", of: Int.self, options: .init(rejoin: true)) }
                    == .invalidArgument)
            let jobs = try client.channel("jobs", capacity: 1, of: Int.self)
            #expect(jobs.wasCreated && jobs.role == .both && jobs.generation > 0)
            try jobs.stop()
            #expect(try jobs.status().receivers == 0)
            #expect(code { _ = try jobs.receive() } != nil)
            jobs.release()
            jobs.release()
            #expect(code { try jobs.send(1) } == .handleClosed)
            do { _ = try client.channel("gone", capacity: 1, of: Int.self) }
            try client.ping()
            #expect(
                code { _ = try client.channel("gone", of: Int.self, options: .init(mustExist: true)) }
                    == .noSuchChannel)
            client.close()
            client.close()
            #expect(code { try client.ping() } == .clientClosed)
            #expect(code { try jobs.close() } == .clientClosed)
        }
    }

    @Test func aDaemonThatDiesEndsWhatIsUnderWayAndWhatComesLater() async throws {
        let daemon = try await onThread { try DaemonUnderTest(.init()) }
        let client = try await ChandClient.connect(to: daemon.socketPath, reconnect: .never)
        let jobs = try await client.channel("jobs", capacity: 1, of: Int.self)
        async let ended: [ChandError.Code?] = onThread {
            let client = try ChandClient.Blocking(to: daemon.socketPath)
            let jobs = try client.channel("jobs", of: Int.self)
            return [
                self.code { _ = try jobs.receive() }, self.code { try jobs.send(1) },
                self.code { try client.settle() },
            ]
        }
        try await wait(for: jobs, "a receive that waits") { $0.waitingReceives == 1 }
        daemon.kill()
        #expect(try await ended == [.connectionLost, .connectionLost, .connectionLost])
        await client.close()
    }
}

/// A lease on its way between steps of one thread.
///
/// Unchecked: the steps run one after the other, and none but they use it.
private final class HeldLease: @unchecked Sendable {
    let lease: BlockingLease<Int>
    init(_ lease: BlockingLease<Int>) { self.lease = lease }
}
