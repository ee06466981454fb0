// SPDX-License-Identifier: Apache-2.0

import Channels
import Testing

/// Elements inside the process whose attempts are used up (rule 19).
@Suite struct LocalDeadLetterTests {
    /// An element that says when it goes.
    private final class Item: Sendable {
        let number: Int
        let log: Chan<Int>

        init(_ number: Int, _ log: Chan<Int>) {
            self.number = number
            self.log = log
        }

        deinit { Task { [number, log] in try await log.send(number) } }
    }

    @Test func theyGoToTheDeadLetterChannel() async throws {
        let gone = Chan<Int>(size: -1)
        let dead = Chan<Item>(size: 2)
        do {
            let jobs = Chan<Item>(size: 8, deadLetters: dead)
            try await jobs.send(contentsOf: (0..<4).map { Item($0, gone) })
            let terms = LeaseTerms(attempts: 2)
            for attempt in 0..<2 {
                let lease = try await jobs.lease(terms)
                #expect(lease.element.number == 0 && lease.attempts == attempt)
                try await lease.giveBack()
            }
            do { _ = try await jobs.lease(LeaseTerms(attempts: 1)) }
            let state = try await jobs.status()
            #expect(state.length == 2 && state.setAside == 0 && state.unsettled == 0)
            // No room there: set aside here, until it is put back.
            do { _ = try await jobs.lease(LeaseTerms(attempts: 1)) }
            #expect(try await jobs.status().setAside == 1)
            #expect(try await dead.length == 2)
            #expect(try await jobs.restore() == 1)
            #expect(try await jobs.receive().number == 2)
            #expect(try await jobs.receive().number == 3)
            #expect(Set([try await gone.receive(), try await gone.receive()]) == [2, 3])
        }
        // The dead letters outlive the channel that they were sent on.
        let letter = try await dead.receiveMessage()
        #expect(letter.element.number == 0 && letter.attempts == 0 && !letter.isRedelivered)
        #expect(try await select { receive(from: dead) { $0.number } } == 1)
        #expect(try await gone.receive() == 1)
    }

    @Test func theirChannelMayHaveDeadLettersToo() async throws {
        let gone = Chan<Int>(size: -1)
        let last = Chan<Item>(size: 8)
        do {
            let middle = Chan<Item>(size: 8, deadLetters: last)
            let jobs = Chan<Item>(size: 8, deadLetters: middle)
            try await jobs.send(contentsOf: (0..<4).map { Item($0, gone) })
            #expect(try await jobs.receive(upTo: 2).map(\.number) == [0, 1])
            do { _ = try await jobs.lease(LeaseTerms(attempts: 1)) }
            #expect(try await middle.length == 1)
            do { _ = try await middle.lease(LeaseTerms(attempts: 1)) }
            #expect(try await last.length == 1)
            #expect(try await jobs.receive().number == 3)
        }
        // It outlives both channels that it came through.
        #expect(try await last.receive().number == 2)
        var numbers: Set<Int> = []
        while numbers.count < 4 { numbers.insert(try await gone.receive()) }
        #expect(numbers == [0, 1, 2, 3])
    }

    @Test func afterTheirChannelsReleaseTheyAreSetAside() async throws {
        let dead = Chan<Int>(size: 8)
        let jobs = Chan<Int>(size: 8, deadLetters: dead)
        try await jobs.send(1)
        await dead.release()
        do { _ = try await jobs.lease(LeaseTerms(attempts: 1)) }
        #expect(try await jobs.status().setAside == 1)
        #expect(try await jobs.restore() == 1)
        #expect(try await jobs.receive() == 1)
        let error = await #expect(throws: ChandError.self) { try await dead.receive() }
        #expect(error?.code == .handleClosed)
    }

    @Test func withoutAHolderTheyAreSetAside() async throws {
        let jobs: Chan<Int>
        do {
            let dead = Chan<Int>(size: 8)
            jobs = Chan<Int>(size: 8, deadLetters: dead)
            try await jobs.send(1)
            #expect(try await dead.length == 0)
        }
        let lease = try await jobs.lease(LeaseTerms(time: .milliseconds(1), attempts: 1))
        try await jobs.wait(until: .empty)
        #expect(try await jobs.status().setAside == 1)
        await #expect(throws: ChandError.self) { try await lease.done() }
        let named = await #expect(throws: ChandError.self) {
            try await jobs.lease(LeaseTerms(attempts: 1, deadLetter: "dead"))
        }
        #expect(named?.code == .invalidArgument)
        #expect(try await jobs.restore() == 1)
        #expect(try await jobs.receive() == 1)
    }
}
