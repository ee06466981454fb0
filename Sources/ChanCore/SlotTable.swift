// SPDX-License-Identifier: Apache-2.0

/// A table whose elements keep their index for life and whose free slots are used again.
///
/// Looking up is an array access. Invariants: `links[i]` is `live` for a slot in use, else the next free
/// slot; slots at or above `highWater` were never used.
public struct SlotTable<Element>: ~Copyable {
    @usableFromInline var elements: UnsafeMutablePointer<Element>
    @usableFromInline var links: UnsafeMutablePointer<UInt32>
    @usableFromInline var capacity: Int
    @usableFromInline var firstFree: UInt32
    @usableFromInline var used: UInt32
    @usableFromInline var living: Int

    /// The mark of a slot in use.
    @usableFromInline static var live: UInt32 { .max - 1 }

    /// Makes an empty table, without storage until something is inserted.
    public init() {
        elements = UnsafeMutablePointer<Element>.allocate(capacity: 0)
        links = UnsafeMutablePointer<UInt32>.allocate(capacity: 0)
        capacity = 0
        firstFree = none
        used = 0
        living = 0
    }

    /// One above the highest slot that was ever in use.
    @inlinable public var highWater: UInt32 { used }

    /// Slots in use.
    @inlinable public var count: Int { living }

    deinit {
        for index in 0..<Int(highWater) where links[index] == Self.live {
            (elements + index).deinitialize(count: 1)
        }
        elements.deallocate()
        links.deallocate()
    }

    /// Whether `index` is a slot in use.
    @inlinable
    public func contains(_ index: UInt32) -> Bool {
        index < highWater && links[Int(index)] == Self.live
    }

    /// Puts `element` into a free slot and returns its index.
    @inlinable
    public mutating func insert(_ element: consuming Element) -> UInt32 {
        let index: UInt32
        if firstFree != none {
            index = firstFree
            firstFree = links[Int(index)]
        } else {
            if Int(highWater) == capacity { grow() }
            index = highWater
            used += 1
        }
        (elements + Int(index)).initialize(to: element)
        links[Int(index)] = Self.live
        living += 1
        return index
    }

    /// Frees the slot and returns what was in it.
    ///
    /// Always inlined: a call out of code for any element would look up this table's type each time.
    @inlinable @inline(__always)
    @discardableResult
    public mutating func remove(_ index: UInt32) -> Element {
        assert(contains(index))
        links[Int(index)] = firstFree
        firstFree = index
        living -= 1
        return (elements + Int(index)).move()
    }

    /// The element in a slot in use.
    @inlinable
    public subscript(_ index: UInt32) -> Element {
        unsafeAddress {
            assert(contains(index))
            return UnsafePointer(elements + Int(index))
        }
        unsafeMutableAddress {
            assert(contains(index))
            return elements + Int(index)
        }
    }

    @usableFromInline
    mutating func grow() {
        let larger = max(16, capacity * 2)
        let newElements = UnsafeMutablePointer<Element>.allocate(capacity: larger)
        let newLinks = UnsafeMutablePointer<UInt32>.allocate(capacity: larger)
        for index in 0..<capacity where links[index] == Self.live {
            (newElements + index).moveInitialize(from: elements + index, count: 1)
        }
        newLinks.update(from: links, count: capacity)
        elements.deallocate()
        links.deallocate()
        elements = newElements
        links = newLinks
        capacity = larger
    }
}

/// The index that stands for no slot.
@inlinable public var none: UInt32 { .max }
