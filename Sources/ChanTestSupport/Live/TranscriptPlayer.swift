// SPDX-License-Identifier: Apache-2.0

import ChanWire

/// Plays the client's part of a transcript to a daemon, and compares what the daemon says.
public struct TranscriptPlayer {
    private let client: WireClient
    /// The handles that the daemon chose, by the transcript's names for them.
    private var handles: [String: [UInt8]] = [:]

    /// Connects to a daemon that nobody has used.
    public init(_ socketPath: String) throws {
        client = try WireClient(socketPath, greets: false)
    }

    /// Plays the whole transcript; throws what differs first.
    public mutating func play(_ transcript: Transcript) throws {
        if transcript.isGreeted { try client.greet() }
        var pending: [UInt8] = []
        var expected: [Transcript.Step] = []
        for step in transcript.steps {
            if step.side == .client {
                try read(&expected)
                pending += patched(step)
            } else {
                try client.write(pending)
                pending = []
                if step.side == .daemon { try read(&expected) }
                expected.append(step)
            }
        }
        try client.write(pending)
        try read(&expected)
        if transcript.steps.last?.name != "EOF", let more = try client.framesSoFar().first {
            throw LiveFailure("\(transcript.name): the daemon said more: \(more)")
        }
    }

    /// The client's frame with the handles that the daemon chose.
    private func patched(_ step: Transcript.Step) -> [UInt8] {
        var bytes = step.bytes
        for handle in step.handles {
            guard let chosen = handles[handle.name] else { continue }
            bytes.replaceSubrange(handle.offset..<handle.offset + chosen.count, with: chosen)
        }
        return bytes
    }

    /// Reads the frames of one commit, in whatever order they come.
    private mutating func read(_ expected: inout [Transcript.Step]) throws {
        while let first = expected.first {
            if first.name == "EOF" {
                if let frame = try client.next() {
                    throw LiveFailure("line \(first.line): not the end: \(frame)")
                }
                expected.removeFirst()
                continue
            }
            let frame = try client.frame()
            let bytes = frame.bytes
            guard let index = expected.firstIndex(where: { difference($0, bytes) == nil }) else {
                throw LiveFailure(
                    "line \(first.line): \(difference(first, bytes) ?? ""), in \(frame) \(bytes)")
            }
            for handle in expected[index].handles where expected[index].name == "OPENED" {
                handles[handle.name] = Array(bytes[handle.offset..<handle.offset + 4])
            }
            expected.remove(at: index)
        }
    }

    /// What distinguishes a frame from the expected one; nil where the daemon is free to differ.
    private func difference(_ step: Transcript.Step, _ bytes: [UInt8]) -> String? {
        let fixed = (step.isChosen.lastIndex(of: false) ?? -1) + 1
        guard step.isOpenEnded ? bytes.count >= fixed : bytes.count == step.bytes.count else {
            return "\(bytes.count) bytes instead of \(step.bytes.count)"
        }
        var wanted = step.name == "OPENED" ? step.bytes : patched(step)
        if step.name == "OPENED" {
            for handle in step.handles {
                wanted.replaceSubrange(
                    handle.offset..<handle.offset + 4, with: bytes[handle.offset..<handle.offset + 4])
            }
        }
        for index in 0..<min(wanted.count, bytes.count) where !step.isChosen[index] {
            if wanted[index] != bytes[index] {
                return "byte \(index) is \(bytes[index]), not \(wanted[index])"
            }
        }
        return nil
    }
}
