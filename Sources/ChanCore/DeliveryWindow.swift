// SPDX-License-Identifier: Apache-2.0

/// The unsettled deliveries of one handle, by their numbers, which count from 1.
///
/// Invariants: the ring holds the numbers from `base` to `next - 1`, `none` for those that are over; its
/// first entry is not over, unless it is empty. A delivery that stays unsettled while many later ones are
/// settled moves to `stragglers`, so that the ring stays proportional to what is unsettled. They are all below `base`.
@usableFromInline
struct DeliveryWindow {
    @usableFromInline var ring: UnsafeMutablePointer<UInt32>?
    @usableFromInline var mask = 0
    @usableFromInline var base: UInt64 = 1
    @usableFromInline var next: UInt64 = 1
    @usableFromInline var live = 0
    @usableFromInline var stragglers: Stragglers?

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
        var taken: UInt32?
        takeStragglers(from: number, to: number + 1) { taken = $0 }
        return taken
    }

    /// Moves `base` past what is over, and lets an empty ring go if it is larger than what a handle may hold for nothing.
    @inlinable
    mutating func skipOver() {
        guard let ring else { return }
        while base < next, ring[Int(truncatingIfNeeded: base) & mask] == none { base += 1 }
        if base == next, mask >= Self.keptEntries { releaseRing() }
    }

    /// Entries of an empty ring that stays: nobody's account is charged for it, and a user may have 131 072 handles.
    @inlinable static var keptEntries: Int { 64 }

    /// Frees the ring; `mask` then says how large the next one begins, so that who empties it again and again has it
    /// grown from there and not from nothing.
    @usableFromInline
    mutating func releaseRing() {
        ring?.deallocate()
        ring = nil
        mask = min(mask, Self.keptEntries - 1)
    }

    /// Grows the ring, or, where most of it is over, moves what is left of its first half aside.
    @usableFromInline
    mutating func makeRoom() {
        let ringLive = live - (stragglers?.live ?? 0)
        if capacity >= 64, ringLive * 4 < capacity, let ring {
            let half = base + UInt64(capacity / 2)
            while base < half {
                let index = Int(truncatingIfNeeded: base) & mask
                if ring[index] != none {
                    stragglers = stragglers ?? Stragglers()
                    stragglers?.append(base, ring[index])
                    ring[index] = none
                }
                base += 1
            }
            skipOver()
            if ring == self.ring { return }
        }
        let larger = ring == nil ? max(4, mask + 1) : capacity * 2
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
        guard number >= base else {
            var found: UInt32?
            stragglers?.peek(from: number, to: number + 1) { found = $0 }
            return found
        }
        guard number < next, let ring else { return nil }
        let message = ring[Int(truncatingIfNeeded: number) & mask]
        return message == none ? nil : message
    }

    /// Shows every unsettled delivery among the `count` from `first` on, as `take(first:count:_:)` takes them.
    func peek(first: UInt64, count: UInt32, _ body: (UInt32) -> Void) {
        let (sum, overflow) = first.addingReportingOverflow(UInt64(count))
        let end = min(overflow ? .max : sum, next)
        if first < base { stragglers?.peek(from: first, to: end, body) }
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
        guard let before = stragglers?.live else { return }
        stragglers?.take(from: first, to: end, body)
        guard let left = stragglers?.live, left < before else { return }
        live -= before - left
        if left == 0 { stragglers = nil }
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
        stragglers?.peek(from: 0, to: .max) { messages.append($0) }
        if let ring {
            for number in base..<next {
                let message = ring[Int(truncatingIfNeeded: number) & mask]
                if message != none { messages.append(message) }
            }
        }
        return messages
    }
}

/// Unsettled deliveries below a window's ring.
///
/// Invariants: they are in the order of their numbers, so that a range finds its own without a look at the others; one
/// that is over stays as `none` until there are more such than others.
@usableFromInline
struct Stragglers {
    private var entries: [(number: UInt64, message: UInt32)] = []
    /// How many are not over.
    private(set) var live = 0
    /// So many that are over are not worth a copy of the others.
    private static let fewOver = 32

    var isEmpty: Bool { live == 0 }
    /// How many there are with those that are over.
    var count: Int { entries.count }

    /// Adds one with a higher number than all that are there.
    mutating func append(_ number: UInt64, _ message: UInt32) {
        entries.append((number, message))
        live += 1
    }

    /// Where the first is that has this number or a higher one.
    private func place(of number: UInt64) -> Int {
        var low = 0
        var high = entries.count
        while low < high {
            let middle = (low + high) / 2
            if entries[middle].number < number { low = middle + 1 } else { high = middle }
        }
        return low
    }

    /// Shows those from `first` on and below `end`.
    func peek(from first: UInt64, to end: UInt64, _ body: (UInt32) -> Void) {
        var index = place(of: first)
        while index < entries.count, entries[index].number < end {
            if entries[index].message != none { body(entries[index].message) }
            index += 1
        }
    }

    /// Takes out those from `first` on and below `end`.
    mutating func take(from first: UInt64, to end: UInt64, _ body: (UInt32) -> Void) {
        var index = place(of: first)
        while index < entries.count, entries[index].number < end {
            let message = entries[index].message
            if message != none {
                entries[index].message = none
                live -= 1
                body(message)
            }
            index += 1
        }
        if entries.count > 2 * live + Self.fewOver { entries = entries.filter { $0.message != none } }
    }
}
