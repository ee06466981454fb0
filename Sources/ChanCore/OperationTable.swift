// SPDX-License-Identifier: Apache-2.0

/// What names a parked operation from outside.
@usableFromInline
struct OperationKey: Equatable {
    @usableFromInline var session: UInt32
    @usableFromInline var request: UInt64

    @inlinable
    init(session: UInt32, request: UInt64) {
        self.session = session
        self.request = request
    }
}

/// The parked operations by their keys, each in one place of a power of two many.
///
/// A dictionary takes several times longer for each of the three steps of an operation that waits. Peers choose the keys,
/// so where one lies depends on a secret number as well. Invariants: between an operation's first
/// choice and its place all places are taken; at least half of the places are free.
public struct OperationTable: ~Copyable {
    @usableFromInline
    struct Place {
        @usableFromInline var key: OperationKey
        /// `none` where the place is free.
        @usableFromInline var operation: UInt32

        @inlinable
        init(_ key: OperationKey, _ operation: UInt32) {
            self.key = key
            self.operation = operation
        }
    }

    private static let fewest = 16

    @usableFromInline var places: UnsafeMutablePointer<Place>
    @usableFromInline var mask: Int
    @usableFromInline var count = 0
    @usableFromInline var firstSecret: UInt64 = 0
    @usableFromInline var secondSecret: UInt64 = 0

    /// Makes an empty table, whose places are not secret.
    public init() {
        mask = Self.fewest - 1
        places = Self.allocate(Self.fewest)
    }

    /// Draws the secrets, before anything is in the table.
    mutating func scatter(_ random: inout RandomSource) {
        firstSecret = random.next()
        secondSecret = random.next()
    }

    deinit { places.deallocate() }

    private static func allocate(_ number: Int) -> UnsafeMutablePointer<Place> {
        let places = UnsafeMutablePointer<Place>.allocate(capacity: number)
        places.initialize(repeating: Place(OperationKey(session: 0, request: 0), none), count: number)
        return places
    }

    /// The place to look for a key first.
    @inlinable
    func choice(_ key: OperationKey) -> Int {
        let product = (key.request ^ firstSecret).multipliedFullWidth(by: UInt64(key.session) ^ secondSecret)
        return Int(truncatingIfNeeded: product.high ^ product.low) & mask
    }

    /// The key's place, or the free one where it would be.
    @inlinable
    func place(of key: OperationKey) -> Int {
        var index = choice(key)
        while places[index].operation != none, places[index].key != key { index = (index + 1) & mask }
        return index
    }

    /// The operation of a key, `none` without one.
    @inlinable
    subscript(_ key: OperationKey) -> UInt32 { places[place(of: key)].operation }

    /// Adds an operation whose key is new.
    @inlinable
    mutating func insert(_ operation: UInt32, for key: OperationKey) {
        if 2 * (count + 1) > mask + 1 { resize(2 * (mask + 1)) }
        let index = place(of: key)
        assert(places[index].operation == none, "two operations of one request are parked")
        places[index] = Place(key, operation)
        count += 1
    }

    /// Takes out the operation of a key that is there.
    @inlinable
    mutating func remove(_ key: OperationKey) {
        var hole = place(of: key)
        assert(places[hole].operation != none, "an operation was not parked")
        var index = hole
        while true {
            index = (index + 1) & mask
            guard places[index].operation != none else { break }
            // Those behind move up, unless that is before their first choice.
            let way = (index &- choice(places[index].key)) & mask
            guard way >= (index &- hole) & mask else { continue }
            places[hole] = places[index]
            hole = index
        }
        places[hole].operation = none
        count -= 1
        // What a storm of waiting operations took is given back.
        if mask + 1 > Self.manyPlaces, 16 * count < mask + 1 { resize((mask + 1) / 4) }
    }

    @usableFromInline static var manyPlaces: Int { 4096 }

    @usableFromInline
    mutating func resize(_ number: Int) {
        let (old, oldNumber) = (places, mask + 1)
        places = Self.allocate(number)
        mask = number - 1
        for index in 0..<oldNumber where old[index].operation != none {
            places[place(of: old[index].key)] = old[index]
        }
        old.deallocate()
    }
}
