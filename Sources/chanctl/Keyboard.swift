// SPDX-License-Identifier: Apache-2.0

import ChanSystem

/// The keys of a terminal, and changes of its size, as they come.
struct Keyboard: Sendable {
    /// What comes.
    enum Event: Sendable {
        case key(UInt8)
        case resized
        /// It is time to look again.
        case tick
    }

    /// All that comes, until the terminal is gone or the keyboard stopped.
    let events: AsyncStream<Event>
    private let continuation: AsyncStream<Event>.Continuation
    private let isStopped = Lock(false)
    /// A size that changes is to be seen at once, which a tenth of a second is to people.
    private static let patienceMilliseconds: UInt64 = 100

    /// Starts to read standard input.
    init() throws(SystemError) {
        (events, continuation) = AsyncStream.makeStream()
        let (isStopped, continuation) = (isStopped, continuation)
        _ = try NativeThread.start(name: "chanctl-keys") {
            var size = Screen.size
            var byte: UInt8 = 0
            while !isStopped.withLock({ $0 }) {
                let deadline = MonotonicClock.deadline(milliseconds: Self.patienceMilliseconds)
                guard let ready = try? Transfer.wait(0, for: .read, until: deadline) else { break }
                if Screen.size != size {
                    size = Screen.size
                    continuation.yield(.resized)
                }
                guard !ready.isEmpty else { continue }
                let result = withUnsafeMutableBytes(of: &byte) { Transfer.read(0, into: $0) }
                guard case .bytes = result else { break }
                continuation.yield(.key(byte))
            }
            continuation.finish()
        }
    }

    /// Has a tick come after a while.
    func tick(after pause: Duration) {
        Task { [continuation] in
            try await Task.sleep(for: pause)
            continuation.yield(.tick)
        }
    }

    /// Reads no more.
    func stop() {
        isStopped.withLock { $0 = true }
        continuation.finish()
    }
}
