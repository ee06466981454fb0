// SPDX-License-Identifier: Apache-2.0

import ChanCore
import ChanSystem

/// What holds the elements of one channel of the process; its handles share it.
///
/// The channel is gone when no handle holds its store any more, and what is left in it with it.
///
/// Unchecked: what changes is touched only with the space's lock held.
class LocalStore: @unchecked Sendable {
    /// The name space of these channels; their names are for errors and lists, nobody opens them by name.
    static let space = "local"

    final let space: LocalSpace
    final let name: String

    init(_ space: LocalSpace) {
        self.space = space
        let number = space.lock.withLock { state in
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

    /// Takes an element without knowing its type.
    func takeAny(_ slot: UInt32) -> any Sendable {
        preconditionFailure("a store without elements")
    }
}

/// The elements of one channel, by slot.
///
/// Unchecked, as ``LocalStore``.
final class ElementStore<Element: Sendable>: LocalStore, @unchecked Sendable {
    @exclusivity(unchecked) private var elements = SlotTable<Element>()

    /// Makes a message of an element.
    func insert(_ element: Element) -> LocalBody {
        LocalBody(store: Unmanaged.passUnretained(self), slot: elements.insert(element))
    }

    /// Takes an element out for good.
    func take(_ slot: UInt32) -> Element { elements.remove(slot) }

    /// An element that stays, since it may come back.
    func peek(_ slot: UInt32) -> Element { elements[slot] }

    override func discard(_ slot: UInt32, to garbage: inout [Any]) {
        // What was handed over has left before.
        if elements.contains(slot) { garbage.append(elements.remove(slot)) }
    }

    override func takeAny(_ slot: UInt32) -> any Sendable { elements.remove(slot) }
}
