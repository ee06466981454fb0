// SPDX-License-Identifier: Apache-2.0

import ChanSystem
import ChandConfig
import Systemd

/// The listening sockets: the daemon's own, or those that systemd passes.
///
/// When descriptors or memory run out the doors are paused, since a level-triggered poll would spin on a
/// connection that can't be accepted; they open again when a session ends, or soon. One descriptor is kept to tell one
/// client each time why.
struct Doors: ~Copyable {
    private var own: UnixListener?
    private var passed: [OwnedPassed] = []
    private var isWatched = false
    /// Another one for the first listener: anything will do that needs no file.
    private var spare: OwnedDescriptor?
    /// When to try again after running out of something; `.max` while open.
    private(set) var resumeAt = UInt64.max

    /// What `accept` says of one listener.
    private struct OwnedPassed {
        let name: String
        let descriptor: Int32
    }

    /// How long a paused door stays shut unless a session ends before.
    private static let pauseNanoseconds: UInt64 = 50_000_000

    init(_ configuration: Configuration) throws(SystemError) {
        let named: [(name: String, fd: Int32)]
        do throws(ListenDescriptors.Mismatch) {
            named = try ListenDescriptors.named()
        } catch {
            throw SystemError(
                errno: SystemError.invalidArgument, call: .listen, subject: error.subject,
                detail: error.description)
        }
        passed = try Self.prepare(named)
        if passed.isEmpty {
            own = try UnixSocket.listen(
                path: configuration.daemon.socketPath, backlog: 4096, mode: configuration.daemon.socketMode)
        }
    }

    /// Doors of listeners that were made by somebody else.
    init(passed named: [(name: String, fd: Int32)]) throws(SystemError) {
        passed = try Self.prepare(named)
    }

    private static func prepare(_ named: [(name: String, fd: Int32)]) throws(SystemError) -> [OwnedPassed] {
        var passed: [OwnedPassed] = []
        for (name, fd) in named {
            try Descriptor.setNonBlocking(fd)
            passed.append(OwnedPassed(name: name, descriptor: fd))
        }
        return passed
    }

    /// What to show of where the daemon listens.
    var paths: [String] {
        switch own {
        case .some(let listener): [listener.path]
        case .none: passed.map { "systemd:\($0.name)" }
        }
    }

    private var descriptors: [Int32] {
        switch own {
        case .some(let listener): [listener.descriptor]
        case .none: passed.map(\.descriptor)
        }
    }

    /// The listener of a poll token.
    func descriptor(of token: UInt64) -> Int32? {
        let index = Int(truncatingIfNeeded: token &- Server.Token.firstDoor)
        let all = descriptors
        return all.indices.contains(index) ? all[index] : nil
    }

    mutating func watch(_ poll: borrowing EventPoll) throws(SystemError) {
        isWatched = true
        do throws(SystemError) {
            for (index, descriptor) in descriptors.enumerated() {
                try poll.add(descriptor, token: Server.Token.firstDoor + UInt64(index), interest: .read)
            }
        } catch {
            // All or none, or the next attempt would fail at the first.
            unwatch(poll)
            throw error
        }
        keepSpare()
    }

    /// Does something that needs a descriptor while there are none, and closes what it opens.
    mutating func withSpareDescriptor(_ body: () -> Void) {
        guard spare != nil else { return }
        spare = nil
        body()
        keepSpare()
    }

    /// Where there is none for it now, a later pause ends without a word to anybody.
    private mutating func keepSpare() {
        if spare == nil, let listener = descriptors.first { spare = try? Descriptor.duplicate(listener) }
    }

    /// Stops watching until something is free again.
    mutating func pause(_ poll: borrowing EventPoll, now: UInt64) {
        unwatch(poll)
        resumeAt = now &+ Self.pauseNanoseconds
    }

    /// Watches again, if paused.
    mutating func resume(_ poll: borrowing EventPoll) {
        guard resumeAt != .max else { return }
        resumeAt = .max
        keepSpare()
        // It was watched before, so this can fail for want of kernel memory only: then the pause goes on.
        do throws(SystemError) { try watch(poll) } catch {
            resumeAt = MonotonicClock.now() &+ Self.pauseNanoseconds
        }
    }

    /// Lets nobody in any more; the socket's file goes.
    mutating func close(_ poll: borrowing EventPoll) {
        unwatch(poll)
        resumeAt = .max
        spare = nil
        own = nil
    }

    private mutating func unwatch(_ poll: borrowing EventPoll) {
        guard isWatched else { return }
        isWatched = false
        for descriptor in descriptors { try? poll.remove(descriptor) }
    }
}
