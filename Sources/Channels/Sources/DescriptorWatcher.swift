// SPDX-License-Identifier: Apache-2.0

import ChanSystem

/// The thread that watches descriptors and signals for the selects of this process: one, from the first that needs it on.
final class DescriptorWatcher: Sendable {
    private struct Watches {
        var byToken: [UInt64: Watch] = [:]
        var last = DescriptorWatcher.signalToken
    }

    private struct Watch {
        let descriptor: Int32
        let isReady: @Sendable () -> Void
    }

    private static let signalToken: UInt64 = 0
    private static let origin = ProcessMark()
    private static let started = Lock<DescriptorWatcher?>(nil)

    /// Made readable by the signals that are noticed.
    let signals: WakeUp
    private let poll: EventPoll
    private let watches = Lock(Watches())

    private init() throws(SystemError) {
        signals = try WakeUp()
        poll = try EventPoll()
        try poll.add(signals.descriptor, token: Self.signalToken, interest: .read)
    }

    /// The one of this process, which is started where there is none.
    ///
    /// - Throws: ``ChandError`` with `forked`; `SystemError` where there is no room for a thread or descriptors.
    static func process() throws -> DescriptorWatcher {
        guard origin.isHere else { throw ChandError.forked }
        return try started.withLock { started in
            if let started { return started }
            let watcher = try DescriptorWatcher()
            _ = try NativeThread.start(name: "chand-watcher") { watcher.run() }
            started = watcher
            return watcher
        }
    }

    /// Watches a descriptor until it can be read from, which is told once, on any thread, or until that is let go.
    func watch(
        _ descriptor: consuming OwnedDescriptor, isReady: @escaping @Sendable () -> Void
    ) throws(SystemError) -> DescriptorWatch {
        let number = descriptor.raw
        let token = try watches.withLock { watches throws(SystemError) in
            watches.last += 1
            try poll.add(number, token: watches.last, interest: .read)
            watches.byToken[watches.last] = Watch(descriptor: number, isReady: isReady)
            return watches.last
        }
        return DescriptorWatch(self, token: token, descriptor)
    }

    /// Watches a descriptor no longer, which can be closed then.
    fileprivate func end(_ token: UInt64) -> (@Sendable () -> Void)? {
        watches.withLock { watches in
            guard let watch = watches.byToken.removeValue(forKey: token) else { return nil }
            // It was added, and is closed by nobody else.
            try? poll.remove(watch.descriptor)
            return watch.isReady
        }
    }

    private func run() {
        var events = EventBuffer(capacity: 64)
        while true {
            do { try poll.wait(into: &events, timeoutNanoseconds: nil) } catch {
                preconditionFailure("the watcher's poll: \(error)")
            }
            for index in 0..<events.count {
                let token = events[index].token
                if token == Self.signalToken {
                    signals.drain()
                    SignalChannels.deliver()
                } else {
                    end(token)?()
                }
            }
        }
    }
}

/// A descriptor that is watched for as long as this is held.
final class DescriptorWatch: Sendable {
    private let watcher: DescriptorWatcher
    private let token: UInt64
    private let descriptor: OwnedDescriptor

    fileprivate init(_ watcher: DescriptorWatcher, token: UInt64, _ descriptor: consuming OwnedDescriptor) {
        self.watcher = watcher
        self.token = token
        self.descriptor = descriptor
    }

    deinit { _ = watcher.end(token) }
}
