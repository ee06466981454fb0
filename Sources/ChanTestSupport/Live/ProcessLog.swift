// SPDX-License-Identifier: Apache-2.0

public import ChanSystem

/// What a child process writes to one of its streams, read as it comes.
public final class ProcessLog: Sendable {
    private struct Text {
        var bytes: [UInt8] = []
        var hasEnded = false
    }

    private let state = ConditionLock(Text())
    private let reader: Lock<NativeThread?> = Lock(nil)

    /// Starts a thread that reads the descriptor to its end.
    public init(reading descriptor: consuming OwnedDescriptor) throws(SystemError) {
        let number = descriptor.take()
        let state = state
        let thread = try NativeThread.start(name: "process-log") {
            let source = OwnedDescriptor(taking: number)
            var chunk = [UInt8](repeating: 0, count: 16_384)
            reading: while true {
                switch chunk.withUnsafeMutableBytes({ Transfer.read(source.raw, into: $0) }) {
                case .bytes(let count):
                    let piece = chunk[..<count]
                    state.withLock { $0.bytes += piece }
                    state.broadcast()
                default: break reading
                }
            }
            state.withLock { $0.hasEnded = true }
            state.broadcast()
        }
        reader.withLock { $0 = thread }
    }

    /// All that has come so far.
    public var text: String { state.withLock { String(decoding: $0.bytes, as: UTF8.self) } }

    /// The whole lines that have come so far.
    public var lines: [Substring] {
        var all = text.split(separator: "\n", omittingEmptySubsequences: false)
        all.removeLast()
        return all
    }

    /// Waits until the text has come; false if the stream ended, or patience did, without it.
    public func wait(for text: String) -> Bool {
        let wanted = Array(text.utf8)
        let found = state.wait(until: Patience.deadline()) { state -> Bool? in
            if Self.contains(state.bytes, wanted) { return true }
            return state.hasEnded ? false : nil
        }
        return found ?? false
    }

    /// Waits until there are so many whole lines; false if the stream ended, or patience did, before.
    public func wait(forLines count: Int) -> Bool {
        let found = state.wait(until: Patience.deadline()) { state -> Bool? in
            if state.bytes.count(where: { $0 == UInt8(ascii: "\n") }) >= count { return true }
            return state.hasEnded ? false : nil
        }
        return found ?? false
    }

    /// Waits for the end of the stream.
    public func waitForEnd() -> Bool {
        state.wait(until: Patience.deadline()) { $0.hasEnded ? true : nil } ?? false
    }

    private static func contains(_ bytes: [UInt8], _ wanted: [UInt8]) -> Bool {
        bytes.firstRange(of: wanted) != nil
    }
}
