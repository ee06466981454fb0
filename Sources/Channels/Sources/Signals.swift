// SPDX-License-Identifier: Apache-2.0

import ChanSystem

/// A channel that receives a signal's number each time this process gets the signal, as Go's `signal.Notify` does.
///
/// Every such channel gets every signal. It keeps one: who is slow finds several as one. While somebody holds such a
/// channel the signal's default action is not taken; a handler that the program has set is called first, and one that it
/// sets later takes the place of the channels. Once nobody holds one, the next signal does what it would have done.
///
/// - Throws: ``ChandError`` with `cannotWatch` for a number that is no signal's, or of one that can't be caught or stands
///   for a fault of the program; with `forked`.
public func signals(_ number: Int32) throws -> Chan<Int32>.Receiver { try SignalChannels.make(number) }

/// The channels of signals of this process.
enum SignalChannels {
    private struct State {
        var feeds: [Int32: [Feed<Int32>]] = [:]
        /// Those that selects share.
        var kept: [Int32: Chan<Int32>.Receiver] = [:]
    }

    private static let state = Lock(State())

    /// Makes a channel that gets a signal from now on.
    static func make(_ number: Int32) throws -> Chan<Int32>.Receiver {
        let (receiver, feed) = Feed.make(of: Int32.self)
        do {
            let watcher = try DescriptorWatcher.process()
            try state.withLock { state throws(SystemError) in
                try SignalNotices.watch(number, waking: watcher.signals)
                state.feeds[number, default: []].removeAll(where: \.isGone)
                state.feeds[number, default: []].append(feed)
            }
        } catch let error as SystemError {
            throw ChandError(.cannotWatch, "signal \(number) can't be watched: \(error)", errno: error.errno)
        }
        return receiver
    }

    /// The channel that the selects of this process share.
    static func shared(_ number: Int32) throws -> Chan<Int32>.Receiver {
        // In a forked child the lock may be held for ever.
        guard LocalSpace.process.origin.isHere else { throw ChandError.forked }
        if let known = state.withLock({ $0.kept[number] }) { return known }
        let made = try make(number)
        return state.withLock { state in
            let first = state.kept[number] ?? made
            state.kept[number] = first
            return first
        }
    }

    /// Hands out the signals that have come.
    static func deliver() {
        state.withLock { state in
            for number in state.feeds.keys where SignalNotices.hasCome(number) {
                let alive = state.feeds[number]?.filter { $0.offer(number) } ?? []
                state.feeds[number] = alive.isEmpty ? nil : alive
                if alive.isEmpty { SignalNotices.passOn(number) }
            }
        }
    }
}
