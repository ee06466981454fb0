// SPDX-License-Identifier: Apache-2.0

/// What lies in the places of a `ProbeTable`.
@usableFromInline
protocol ProbeEntry: BitwiseCopyable {
    /// What a table draws once, so that peers who choose the keys cannot choose the places.
    associatedtype Salt
    /// What lies in a place where nothing does.
    static var free: Self { get }
    @inlinable var isFree: Bool { get }
    /// Eighths of the places that may be taken.
    @inlinable static var mostEighths: Int { get }
    /// Where it should lie, of as many places as there are numbers.
    @inlinable func choice(_ salt: Salt) -> Int
}

/// Entries found by a key, each in one place of a power of two many.
///
/// Invariant: between an entry's first choice and its place all places are taken.
@usableFromInline
struct ProbeTable<Entry: ProbeEntry>: ~Copyable {
    private static var fewest: Int { 16 }

    @usableFromInline var entries: UnsafeMutablePointer<Entry>
    @usableFromInline var mask: Int
    @usableFromInline var count = 0
    @usableFromInline var salt: Entry.Salt

    /// Makes an empty table.
    @usableFromInline
    init(_ salt: Entry.Salt) {
        mask = Self.fewest - 1
        entries = Self.allocate(Self.fewest)
        self.salt = salt
    }

    @inlinable deinit { entries.deallocate() }

    private static func allocate(_ number: Int) -> UnsafeMutablePointer<Entry> {
        let entries = UnsafeMutablePointer<Entry>.allocate(capacity: number)
        entries.initialize(repeating: .free, count: number)
        return entries
    }

    /// The first place from a choice on whose entry is the one, or the free one where it would be.
    @inlinable @inline(__always)
    func place(_ choice: Int, where isTheOne: (Entry) -> Bool) -> Int {
        var index = choice & mask
        while !entries[index].isFree, !isTheOne(entries[index]) { index = (index + 1) & mask }
        return index
    }

    /// Adds an entry whose key is new.
    @inlinable
    mutating func insert(_ entry: Entry) {
        if 8 * (count + 1) > Entry.mostEighths * (mask + 1) { resize(2 * (mask + 1)) }
        entries[place(entry.choice(salt)) { _ in false }] = entry
        count += 1
    }

    /// Frees a place that is taken.
    @inlinable
    mutating func remove(at place: Int) {
        assert(!entries[place].isFree, "what is removed was not there")
        var hole = place
        var index = hole
        while true {
            index = (index + 1) & mask
            guard !entries[index].isFree else { break }
            // Those behind move up, unless that is before their first choice.
            let way = (index &- entries[index].choice(salt)) & mask
            guard way >= (index &- hole) & mask else { continue }
            entries[hole] = entries[index]
            hole = index
        }
        entries[hole] = .free
        count -= 1
        // What a storm took is given back.
        if mask + 1 > Self.manyPlaces, 16 * count < mask + 1 { resize((mask + 1) / 4) }
    }

    @usableFromInline static var manyPlaces: Int { 4096 }

    @usableFromInline
    mutating func resize(_ number: Int) {
        let (old, oldNumber) = (entries, mask + 1)
        entries = Self.allocate(number)
        mask = number - 1
        for index in 0..<oldNumber where !old[index].isFree {
            entries[place(old[index].choice(salt)) { _ in false }] = old[index]
        }
        old.deallocate()
    }
}
