// SPDX-License-Identifier: Apache-2.0

/// What is due first, among things named by small numbers: a binary heap whose entries know their place.
///
/// Adding, and removing anything, take O(log n). Invariants: no entry is due before its parent; `places[id]` is
/// the entry's index, `none` for what is not there.
@usableFromInline
struct DeadlineHeap {
    @usableFromInline
    struct Entry {
        @usableFromInline var deadline: UInt64
        @usableFromInline var id: UInt32
    }

    @usableFromInline var entries: [Entry] = []
    private var places: [UInt32] = []

    @usableFromInline init() {}

    /// What is due first.
    @inlinable var first: Entry? { entries.first }

    /// Adds what is not there yet.
    @usableFromInline
    mutating func insert(_ id: UInt32, deadline: UInt64) {
        while places.count <= Int(id) { places.append(none) }
        places[Int(id)] = UInt32(entries.count)
        entries.append(Entry(deadline: deadline, id: id))
        siftUp(entries.count - 1)
    }

    /// Takes something out, if it is there.
    @usableFromInline
    mutating func remove(_ id: UInt32) {
        guard contains(id) else { return }
        let index = Int(places[Int(id)])
        places[Int(id)] = none
        let last = entries.removeLast()
        guard last.id != id else { return }
        place(last, at: index)
        siftUp(index)
        siftDown(Int(places[Int(last.id)]))
    }

    func contains(_ id: UInt32) -> Bool {
        Int(id) < places.count && places[Int(id)] != none
    }

    /// Whether the invariants hold; for tests.
    var isConsistent: Bool {
        entries.indices.allSatisfy { index in
            places[Int(entries[index].id)] == UInt32(index)
                && (index == 0 || entries[(index - 1) / 2].deadline <= entries[index].deadline)
        } && places.count(where: { $0 != none }) == entries.count
    }

    private mutating func place(_ entry: Entry, at index: Int) {
        entries[index] = entry
        places[Int(entry.id)] = UInt32(index)
    }

    private mutating func exchange(_ first: Int, _ second: Int) {
        let entry = entries[first]
        place(entries[second], at: first)
        place(entry, at: second)
    }

    private mutating func siftUp(_ start: Int) {
        var index = start
        while index > 0, entries[index].deadline < entries[(index - 1) / 2].deadline {
            exchange(index, (index - 1) / 2)
            index = (index - 1) / 2
        }
    }

    private mutating func siftDown(_ start: Int) {
        var index = start
        while true {
            var smallest = index
            for child in [2 * index + 1, 2 * index + 2] where child < entries.count {
                if entries[child].deadline < entries[smallest].deadline { smallest = child }
            }
            guard smallest != index else { return }
            exchange(index, smallest)
            index = smallest
        }
    }
}
