// SPDX-License-Identifier: Apache-2.0

// Public for the code of element types, which is specialised where it is called.
public import ChanCore
import ChanSystem

/// What holds the elements of one channel of the process; its handles share it.
///
/// The channel is gone when no handle holds its store any more, and what is left in it with it.
///
/// Unchecked: what changes is touched only with the space's lock held.
@usableFromInline
class LocalStore: @unchecked Sendable {
    /// The name space of these channels; their names are for errors and lists, nobody opens them by name.
    static let space = "local"

    final let space: LocalSpace
    final let name: String

    init(_ space: LocalSpace) {
        self.space = space
        let number: UInt64 = space.perform(inChild: 0) { state in
            state.lastName += 1
            return state.lastName
        }
        name = "/\(Self.space)/\(number)"
    }

    deinit {
        space.perform { state in
            // It fails where nothing was left to keep the channel.
            _ = state.broker.remove(session: space.session, name: name, into: &state.sink)
        }
    }

    /// Gives up an element that nobody has taken.
    func discard(_ slot: UInt32, to garbage: inout [Any]) {
        preconditionFailure("a store without elements")
    }

    /// Takes an element into memory for one.
    func move(_ slot: UInt32, to target: UnsafeMutableRawPointer) {
        preconditionFailure("a store without elements")
    }

    /// Takes an element without knowing its type.
    func takeAny(_ slot: UInt32) -> any Sendable {
        preconditionFailure("a store without elements")
    }
}

/// The elements of one channel, by slot.
///
/// Unchecked, as ``LocalStore``.
@usableFromInline
final class ElementStore<Element: Sendable>: LocalStore, @unchecked Sendable {
    // Exclusive by the space's lock.
    @exclusivity(unchecked) @usableFromInline var elements = SlotTable<Element>()
    /// Holds this channel's elements too, since that is where some of them end: the last of a chain of such channels.
    private let shared: ElementStore?
    /// The channel of dead letters, for as long as somebody else holds it.
    weak let deadLetters: LocalChannel<Element>?

    init(_ space: LocalSpace, deadLetters: LocalChannel<Element>? = nil) {
        self.deadLetters = deadLetters
        shared = deadLetters?.store.holder
        super.init(space)
    }

    /// What holds this channel's elements.
    var holder: ElementStore { shared ?? self }

    /// Makes a message of an element.
    func insert(_ element: Element) -> LocalBody {
        if let shared { return shared.insert(element) }
        return LocalBody(store: Unmanaged.passUnretained(self), slot: elements.insert(element))
    }

    /// Takes an element out for good.
    func take(_ slot: UInt32) -> Element {
        if let shared { return shared.take(slot) }
        return elements.remove(slot)
    }

    /// An element that stays, since it may come back.
    func peek(_ slot: UInt32) -> Element {
        if let shared { return shared.peek(slot) }
        return elements[slot]
    }

    override func discard(_ slot: UInt32, to garbage: inout [Any]) {
        // What was handed over has left before.
        if elements.contains(slot) { garbage.append(elements.remove(slot)) }
    }

    override func move(_ slot: UInt32, to target: UnsafeMutableRawPointer) {
        target.assumingMemoryBound(to: Element.self).initialize(to: elements.remove(slot))
    }

    override func takeAny(_ slot: UInt32) -> any Sendable { elements.remove(slot) }
}
