// SPDX-License-Identifier: Apache-2.0

/// The jobs of tasks that are ready to run, first in, first out: a ring that grows.
///
/// Invariants: `count <= capacity`, a power of two; the jobs lie at `head`, `head + 1`, … modulo `capacity`.
struct JobQueue: ~Copyable {
    private var storage: UnsafeMutablePointer<UnownedJob>
    private var capacity = 256
    private var head = 0
    private(set) var count = 0

    init() { storage = .allocate(capacity: 256) }

    deinit { storage.deallocate() }

    var isEmpty: Bool { count == 0 }

    mutating func append(_ job: UnownedJob) {
        if count == capacity { grow() }
        (storage + ((head &+ count) & (capacity &- 1))).initialize(to: job)
        count &+= 1
    }

    mutating func popFirst() -> UnownedJob? {
        guard count > 0 else { return nil }
        let job = (storage + head).move()
        head = (head &+ 1) & (capacity &- 1)
        count &-= 1
        return job
    }

    private mutating func grow() {
        let larger = UnsafeMutablePointer<UnownedJob>.allocate(capacity: capacity * 2)
        let first = capacity - head
        larger.moveInitialize(from: storage + head, count: first)
        (larger + first).moveInitialize(from: storage, count: head)
        storage.deallocate()
        storage = larger
        head = 0
        capacity *= 2
    }
}
