// SPDX-License-Identifier: Apache-2.0

import ChanSystem
import Testing

@Suite("Threads and locks")
struct ThreadTests {
    @Test("a lock keeps threads from each other's steps")
    func contention() throws {
        let counter = Lock(0)
        let threads = try (0..<4).map { number in
            try NativeThread.start(name: "adder \(number)") {
                for _ in 0..<20_000 { counter.withLock { $0 += 1 } }
            }
        }
        for thread in threads { thread.join() }
        #expect(counter.withLock { $0 } == 80_000)
    }

    @Test("a lock is free again after its body has thrown")
    func throwing() {
        let lock = Lock(1)
        #expect(throws: Unexpected.self) { try lock.withLock { _ in throw Unexpected() } }
        #expect(lock.withLock { $0 } == 1)
    }

    @Test("waiters get each value once")
    func condition() throws {
        let queue = ConditionLock<[Int]>([])
        let total = Lock(0)
        let consumers = try (0..<3).map { _ in
            try NativeThread.start(name: "consumer") {
                while let value = queue.wait(for: { $0.popLast() }), value >= 0 {
                    total.withLock { $0 += value }
                }
            }
        }
        for value in 1...1000 {
            queue.withLock { $0.append(value) }
            queue.signal()
        }
        // The values first, as the consumers take the last one: an end put too early would overtake them.
        while queue.withLock({ !$0.isEmpty }) { queue.broadcast() }
        queue.withLock { $0.append(contentsOf: [-1, -1, -1]) }
        queue.broadcast()
        for consumer in consumers { consumer.join() }
        #expect(total.withLock { $0 } == 500_500)
    }

    @Test("a wait ends at its deadline, after a last look")
    func deadline() {
        let lock = ConditionLock(0)
        let deadline = MonotonicClock.deadline(milliseconds: 10)
        let result = lock.wait(until: deadline) { looks -> Int? in
            looks += 1
            return nil
        }
        #expect(result == nil)
        #expect(MonotonicClock.now() >= deadline)
        #expect(lock.withLock { $0 } >= 2)
        #expect(lock.wait(until: 0) { $0 } != nil, "a deadline in the past does not hide a value")
    }

    @Test("a thread has a token of its own and inherits the plan of forced failures")
    func start() throws {
        let tokens = Lock<[ThreadToken]>([])
        let plan = SystemFaults([.init(.eventfd, nth: 2, errno: SystemError.descriptorsExhausted)])
        let errors = Lock<[Int32?]>([])
        try plan.run {
            let thread = try NativeThread.start(name: "a name longer than the kernel keeps") {
                tokens.withLock { $0.append(.current) }
                for _ in 1...3 {
                    let error = failure { () throws(SystemError) in _ = try WakeUp() }
                    errors.withLock { $0.append(error?.errno) }
                }
            }
            thread.join()
            thread.join()
        }
        #expect(tokens.withLock { $0.first } != ThreadToken.current)
        #expect(errors.withLock { $0 } == [nil, SystemError.descriptorsExhausted, nil])
        let refused = failure { () throws(SystemError) in
            try SystemFaults.fail(.pthreadCreate, errno: SystemError.wouldBlock) { () throws(SystemError) in
                _ = try NativeThread.start(name: "never") {}
            }
        }
        #expect(refused?.errno == SystemError.wouldBlock)
    }

    @Test("a plan concerns its own thread, and only while it runs")
    func planScope() throws {
        let plan = SystemFaults([.init(.eventfd, times: .max, errno: SystemError.noMemory)])
        _ = try WakeUp()
        plan.run {
            let error = failure { () throws(SystemError) in _ = try WakeUp() }
            #expect(error?.errno == SystemError.noMemory)
            SystemFaults().run { #expect(throws: Never.self) { _ = try WakeUp() } }
        }
        _ = try WakeUp()
        #expect(plan.count(.eventfd) == 1)
        #expect(plan.forced == 1)
    }
}
