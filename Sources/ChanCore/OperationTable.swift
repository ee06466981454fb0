// SPDX-License-Identifier: Apache-2.0

/// What names a parked operation from outside.
@usableFromInline
struct OperationKey: Equatable, BitwiseCopyable {
    @usableFromInline var session: UInt32
    @usableFromInline var request: UInt64

    @inlinable
    init(session: UInt32, request: UInt64) {
        self.session = session
        self.request = request
    }
}

/// The parked operations by their keys.
///
/// A dictionary takes several times longer for each of the three steps of an operation that waits. Peers choose the keys,
/// so where one lies depends on a secret number as well.
@usableFromInline
struct OperationTable: ~Copyable {
    @usableFromInline
    struct Secrets {
        @usableFromInline var first: UInt64 = 0
        @usableFromInline var second: UInt64 = 0
    }

    @usableFromInline
    struct Entry: ProbeEntry {
        @usableFromInline var key: OperationKey
        /// `none` where the place is free.
        @usableFromInline var operation: UInt32

        @inlinable
        init(_ key: OperationKey, _ operation: UInt32) {
            self.key = key
            self.operation = operation
        }

        @usableFromInline static var free: Entry { Entry(OperationKey(session: 0, request: 0), none) }
        @inlinable var isFree: Bool { operation == none }
        @inlinable static var mostEighths: Int { 4 }

        @inlinable
        func choice(_ salt: Secrets) -> Int { OperationTable.choice(key, salt) }
    }

    @usableFromInline var table = ProbeTable<Entry>(Secrets())

    /// Makes an empty table, whose places are not secret.
    init() {}

    var count: Int { table.count }

    /// Draws the secrets, before anything is in the table.
    mutating func scatter(_ random: inout RandomSource) {
        table.salt = Secrets(first: random.next(), second: random.next())
    }

    @inlinable
    static func choice(_ key: OperationKey, _ secrets: Secrets) -> Int {
        let product = (key.request ^ secrets.first).multipliedFullWidth(
            by: UInt64(key.session) ^ secrets.second)
        return Int(truncatingIfNeeded: product.high ^ product.low)
    }

    @inlinable
    func place(of key: OperationKey) -> Int {
        table.place(Self.choice(key, table.salt)) { $0.key == key }
    }

    /// The operation of a key, `none` without one.
    @inlinable
    subscript(_ key: OperationKey) -> UInt32 { table.entries[place(of: key)].operation }

    /// Adds an operation whose key is new.
    @inlinable
    mutating func insert(_ operation: UInt32, for key: OperationKey) {
        assert(self[key] == none, "two operations of one request are parked")
        table.insert(Entry(key, operation))
    }

    /// Takes out the operation of a key that is there.
    @inlinable
    mutating func remove(_ key: OperationKey) { table.remove(at: place(of: key)) }
}
