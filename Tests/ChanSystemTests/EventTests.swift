// SPDX-License-Identifier: Apache-2.0

import ChanSystem
import Glibc
import Testing

@Suite("Waiting for events", .apart)
struct EventTests {
    /// What is ready now, by token.
    private func ready(
        _ poll: borrowing EventPoll, _ events: inout EventBuffer
    ) throws -> [UInt64: Readiness] {
        try poll.wait(into: &events, timeoutNanoseconds: 0)
        var found: [UInt64: Readiness] = [:]
        for index in 0..<events.count { found[events[index].token] = events[index].readiness }
        return found
    }

    @Test("tokens come back with what their descriptors are ready for, as long as they are")
    func tokens() throws {
        let poll = try EventPoll()
        var events = EventBuffer()
        let pair = try UnixSocket.pair()
        let other = try UnixSocket.pair()
        try poll.add(pair.first.raw, token: .max, interest: .read)
        try poll.add(other.first.raw, token: 7, interest: [.read, .write])
        #expect(try ready(poll, &events) == [7: .write])
        #expect(send([1], to: pair.second.raw) == .bytes(1))
        for _ in 1...2 { #expect(try ready(poll, &events) == [7: .write, .max: .read]) }
        try poll.modify(other.first.raw, token: 8, interest: [])
        try poll.modify(pair.first.raw, token: 9, interest: [.read, .write])
        #expect(try ready(poll, &events) == [9: [.read, .write]])
        try poll.remove(pair.first.raw)
        #expect(try ready(poll, &events) == [:])
    }

    @Test("a half-close and a hang-up are told apart, and a hang-up is seen without interest")
    func closing() throws {
        let poll = try EventPoll()
        var events = EventBuffer()
        let pair = try UnixSocket.pair()
        let watched = try UnixSocket.pair()
        try poll.add(pair.first.raw, token: 1, interest: .read)
        try poll.add(watched.first.raw, token: 2, interest: [])
        try UnixSocket.shutdown(pair.second.raw, .sending)
        #expect(try ready(poll, &events) == [1: [.read, .peerClosed]])
        try UnixSocket.shutdown(watched.second.raw, .both)
        #expect(try ready(poll, &events)[2]?.contains(.hangup) == true)
    }

    @Test("a small buffer gives everybody a turn")
    func smallBuffer() throws {
        let poll = try EventPoll()
        var events = EventBuffer(capacity: 1)
        var seen: Set<UInt64> = []
        var wakeUps: [WakeUp] = []
        for token in 0..<10 as Range<UInt64> {
            let wakeUp = try WakeUp()
            wakeUp.signal()
            try poll.add(wakeUp.descriptor, token: token, interest: .read)
            wakeUps.append(wakeUp)
        }
        for _ in 0..<10 { seen.formUnion(try ready(poll, &events).keys) }
        #expect(seen.count == wakeUps.count)
    }

    @Test("a wait lasts as long as asked, and an interruption ends it without an event")
    func timeouts() throws {
        let poll = try EventPoll()
        var events = EventBuffer()
        let before = MonotonicClock.now()
        try poll.wait(into: &events, timeoutNanoseconds: 1_500_000)
        #expect(events.count == 0)
        #expect(MonotonicClock.now() - before >= 1_500_000)
        try SystemFaults.fail(.epollWait, errno: SystemError.interrupted) {
            try poll.wait(into: &events, timeoutNanoseconds: nil)
        }
        #expect(events.count == 0)
        let error = failure { () throws(SystemError) in try poll.add(-1, token: 0, interest: .read) }
        #expect(error?.description == "epoll_ctl: Bad file descriptor")
    }

    @Test("a wake-up reaches a thread that waits, any number of times")
    func wakeUpAcrossThreads() throws {
        let there = try WakeUp()
        let back = try WakeUp()
        let rounds = 1000
        let thread = try NativeThread.start(name: "echo") {
            for _ in 0..<rounds {
                _ = try? Transfer.wait(there.descriptor, for: .read)
                there.drain()
                back.signal()
            }
        }
        let poll = try EventPoll()
        try poll.add(back.descriptor, token: 1, interest: .read)
        var events = EventBuffer()
        for _ in 0..<rounds {
            there.signal()
            try poll.wait(into: &events, timeoutNanoseconds: 60_000_000_000)
            #expect(events.count == 1)
            #expect(back.drain())
        }
        thread.join()
        #expect(!back.drain())
    }

    @Test("many signals are one")
    func coalescing() throws {
        let wakeUp = try WakeUp()
        #expect(!wakeUp.drain())
        for _ in 0..<10 { wakeUp.signal() }
        #expect(wakeUp.drain())
        #expect(!wakeUp.drain())
    }

    @Test("signals are read in place of interrupting")
    func signals() throws {
        let found = Lock<[SignalSource.Arrival]>([])
        // On a thread of its own, so that the mask does not stay with the runner's.
        let thread = try NativeThread.start(name: "signals") {
            guard let source = try? SignalSource([.user1, .user2]) else { return }
            for number in [SIGUSR1, SIGUSR2] {
                pthread_kill(pthread_self(), number)
                _ = try? Transfer.wait(source.descriptor, for: .read)
                if let arrival = try? source.next() { found.withLock { $0.append(arrival) } }
            }
            if let more = (try? source.next()) ?? nil { found.withLock { $0.append(more) } }
        }
        thread.join()
        let arrivals = found.withLock { $0 }
        #expect(arrivals.map(\.signal) == [.user1, .user2])
        #expect(arrivals.allSatisfy { $0.senderPid == ThisProcess.pid && !$0.isFromKernel })
    }

    @Test("a deadline too far away is the end of time")
    func deadlines() {
        let now = MonotonicClock.now()
        #expect(MonotonicClock.deadline(milliseconds: 5) >= now + 5_000_000)
        #expect(MonotonicClock.deadline(milliseconds: .max) == .max)
    }
}
