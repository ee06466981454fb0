// SPDX-License-Identifier: Apache-2.0

/// The unsettled deliveries of one handle, by their numbers, which count from 1.
///
/// Invariants: the ring holds the numbers from `base` to `next - 1`, `none` for those that are over; its
/// first entry is not over, unless it is empty. A delivery that stays unsettled while many later ones are
/// settled moves to `stragglers`, so that the ring stays proportional to what is unsettled.
@usableFromInline
struct DeliveryWindow {
    @usableFromInline var ring: UnsafeMutablePointer<UInt32>?
    @usableFromInline var mask = 0
    @usableFromInline var base: UInt64 = 1
    @usableFromInline var next: UInt64 = 1
    @usableFromInline var live = 0
    @usableFromInline var stragglers: [UInt64: UInt32]?

    @usableFromInline init() {}

    /// A window whose first delivery has that number.
    init(first: UInt64) {
        base = first
        next = first
    }

    @inlinable var capacity: Int { ring == nil ? 0 : mask + 1 }

    /// Records `message` as the next delivery and returns its number.
    @inlinable
    mutating func append(_ message: UInt32) -> UInt64 {
        if Int(next - base) == capacity { makeRoom() }
        if let ring { ring[Int(truncatingIfNeeded: next) & mask] = message }
        let number = next
        next += 1
        live += 1
        return number
    }

    /// Takes the delivery out; nil where it is over.
    @inlinable
    mutating func take(_ number: UInt64) -> UInt32? {
        guard number >= base else { return takeStraggler(number) }
        guard number < next, let ring else { return nil }
        let index = Int(truncatingIfNeeded: number) & mask
        let message = ring[index]
        guard message != none else { return nil }
        ring[index] = none
        live -= 1
        if number == base { skipOver() }
        return message
    }

    @usableFromInline
    mutating func takeStraggler(_ number: UInt64) -> UInt32? {
        guard let message = stragglers?.removeValue(forKey: number) else { return nil }
        live -= 1
        return message
    }

    /// Moves `base` past what is over, and lets an empty ring go if it was grown large.
    @inlinable
    mutating func skipOver() {
        guard let ring else { return }
        while base < next, ring[Int(truncatingIfNeeded: base) & mask] == none { base += 1 }
        if base == next, mask >= 1024 { releaseRing() }
    }

    @usableFromInline
    mutating func releaseRing() {
        ring?.deallocate()
        ring = nil
        mask = 0
    }

    /// Grows the ring, or, where most of it is over, moves what is left of its first half aside.
    @usableFromInline
    mutating func makeRoom() {
        let ringLive = live - (stragglers?.count ?? 0)
        if capacity >= 64, ringLive * 4 < capacity, let ring {
            let half = base + UInt64(capacity / 2)
            while base < half {
                let index = Int(truncatingIfNeeded: base) & mask
                if ring[index] != none {
                    stragglers = stragglers ?? [:]
                    stragglers?[base] = ring[index]
                    ring[index] = none
                }
                base += 1
            }
            skipOver()
            if ring == self.ring { return }
        }
        let larger = max(4, capacity * 2)
        let grown = UnsafeMutablePointer<UInt32>.allocate(capacity: larger)
        if let ring {
            for number in base..<next {
                let index = Int(truncatingIfNeeded: number)
                grown[index & (larger - 1)] = ring[index & mask]
            }
            ring.deallocate()
        }
        ring = grown
        mask = larger - 1
    }

    /// The delivery's message, which stays; nil where it is over.
    func peek(_ number: UInt64) -> UInt32? {
        guard number >= base else { return stragglers?[number] }
        guard number < next, let ring else { return nil }
        let message = ring[Int(truncatingIfNeeded: number) & mask]
        return message == none ? nil : message
    }

    /// Shows every unsettled delivery among the `count` from `first` on, as `take(first:count:_:)` takes them.
    func peek(first: UInt64, count: UInt32, _ body: (UInt32) -> Void) {
        let (sum, overflow) = first.addingReportingOverflow(UInt64(count))
        let end = min(overflow ? .max : sum, next)
        if first < base, let stragglers {
            for number in stragglers.keys.filter({ $0 >= first && $0 < end }).sorted() {
                if let message = peek(number) { body(message) }
            }
        }
        for number in max(first, base)..<max(first, base, end) {
            if let message = peek(number) { body(message) }
        }
    }

    /// Takes every unsettled delivery among the `count` from `first` on, in time bounded by what the
    /// window holds, whatever numbers a peer names.
    @inlinable
    mutating func take(first: UInt64, count: UInt32, _ body: (UInt32) -> Void) {
        let (sum, overflow) = first.addingReportingOverflow(UInt64(count))
        let end = min(overflow ? .max : sum, next)
        if first < base { takeStragglers(from: first, to: min(end, base), body) }
        var number = max(first, base)
        while number < end {
            if let message = take(number) { body(message) }
            number += 1
        }
    }

    @usableFromInline
    mutating func takeStragglers(from first: UInt64, to end: UInt64, _ body: (UInt32) -> Void) {
        guard let stragglers, !stragglers.isEmpty else { return }
        for number in stragglers.keys.filter({ $0 >= first && $0 < end }).sorted() {
            if let message = takeStraggler(number) { body(message) }
        }
    }

    /// Every unsettled delivery's message; the window is empty afterwards and its storage released.
    @usableFromInline
    mutating func removeAll() -> [UInt32] {
        let messages = snapshot()
        stragglers = nil
        base = next
        live = 0
        releaseRing()
        return messages
    }

    /// Every unsettled delivery's message, in the order of their numbers.
    func snapshot() -> [UInt32] {
        var messages: [UInt32] = []
        messages.reserveCapacity(live)
        if let stragglers { messages.append(contentsOf: stragglers.sorted { $0.key < $1.key }.map(\.value)) }
        if let ring {
            for number in base..<next {
                let message = ring[Int(truncatingIfNeeded: number) & mask]
                if message != none { messages.append(message) }
            }
        }
        return messages
    }
}
