// SPDX-License-Identifier: Apache-2.0

/// A channel's name as its record holds it: its bytes in memory of their own, which takes half of a string's.
@usableFromInline
struct HeldName {
    private let bytes: UnsafeMutablePointer<UInt8>
    private let count: UInt16

    init(_ name: String) {
        let utf8 = name.utf8
        precondition(utf8.count <= UInt16.max, "a name is longer than rule 25 lets it be")
        bytes = .allocate(capacity: utf8.count)
        _ = UnsafeMutableBufferPointer(start: bytes, count: utf8.count).initialize(from: utf8)
        count = UInt16(utf8.count)
    }

    /// Lets the memory go.
    func release() { bytes.deallocate() }

    var text: String { String(decoding: UnsafeBufferPointer(start: bytes, count: Int(count)), as: UTF8.self) }

    static func == (held: HeldName, name: String) -> Bool {
        held.count == name.utf8.count
            && name.utf8.elementsEqual(UnsafeBufferPointer(start: held.bytes, count: Int(held.count)))
    }
}

/// The channels by their names' hashes, 8 bytes for each: the names themselves are the channels'.
struct NameTable: ~Copyable {
    @usableFromInline
    struct Entry: ProbeEntry {
        @usableFromInline var hash: UInt32
        /// `none` where the place is free.
        @usableFromInline var channel: UInt32

        init(hash: UInt32, channel: UInt32) {
            self.hash = hash
            self.channel = channel
        }

        @usableFromInline static var free: Entry { Entry(hash: 0, channel: none) }
        @inlinable var isFree: Bool { channel == none }
        /// A way to go is eight entries to a line of the cache, and no name is looked at but where the hashes are the same.
        @inlinable static var mostEighths: Int { 7 }
        @inlinable func choice(_ salt: Void) -> Int { Int(hash) }
    }

    var table = ProbeTable<Entry>(())

    var count: Int { table.count }

    /// What a name comes to, in every process another number: peers choose the names.
    static func hash(_ name: String) -> UInt32 {
        UInt32(truncatingIfNeeded: name.hashValue)
    }

    /// The channel of a name, nil without one.
    func channel(_ name: String, in channels: borrowing SlotTable<Channel>) -> UInt32? {
        let hash = Self.hash(name)
        let place = table.place(Int(hash)) { $0.hash == hash && channels[$0.channel].heldName == name }
        let entry = table.entries[place]
        return entry.isFree ? nil : entry.channel
    }

    /// Adds a channel whose name is new.
    mutating func insert(_ channel: UInt32, named name: String) {
        table.insert(Entry(hash: Self.hash(name), channel: channel))
    }

    /// Frees a name where it is still this channel's: one that was removed has it no more, and the next may have it.
    mutating func remove(_ channel: UInt32, named name: String) {
        let place = table.place(Int(Self.hash(name))) { $0.channel == channel }
        if !table.entries[place].isFree { table.remove(at: place) }
    }
}
