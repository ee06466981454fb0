// SPDX-License-Identifier: Apache-2.0

import ChanSystem

/// One conversation of docs/protocol-transcripts.txt, whose first lines describe the format.
public struct Transcript: Sendable {
    /// One frame, or the end of the connection.
    public struct Step: Sendable {
        /// Who sends it.
        public enum Side: Equatable, Sendable {
            /// The client.
            case client
            /// The daemon.
            case daemon
            /// From the daemon, in the same commit as the step before: the two may be swapped.
            case daemonSameCommit
        }
        /// Which of them.
        public var side: Side
        /// The frame's name as the document writes it, `UNKNOWN`, or `EOF` for the end of the connection.
        public var name: String
        /// The frame's bytes, those of the example where the daemon chooses.
        public var bytes: [UInt8] = []
        /// Whether each byte is chosen by the daemon.
        public var isChosen: [Bool] = []
        /// Whether more bytes than the example's, or fewer, may stand at the end.
        public var isOpenEnded = false
        /// The offset of each handle in `bytes`, by its name.
        public var handles: [(name: String, offset: Int)] = []
        /// The line in the file.
        public var line: Int
    }

    /// What the file calls it.
    public var name: String
    /// Whether HELLO and WELCOME have been exchanged before the first step.
    public var isGreeted = false
    /// The frames in order.
    public var steps: [Step] = []
    /// The lines as they stand in the file, without empty ones at the end.
    public var text: [String] = []

    /// What is wrong with a line.
    public struct Fault: Error {
        /// Its number, from 1.
        public var line: Int
        /// What is wrong.
        public var text: String
    }

    /// Reads all transcripts of a file's text.
    public static func parse(_ text: String) throws(Fault) -> [Transcript] {
        var all: [Transcript] = []
        var bracket = false
        for (index, line) in text.split(separator: "\n", omittingEmptySubsequences: false).enumerated() {
            let number = index + 1
            if line.hasPrefix("== ") {
                all.append(Transcript(name: String(line.dropFirst(3).prefix { $0 != ":" })))
            }
            guard !all.isEmpty else { continue }
            let last = all.count - 1
            all[last].text.append(String(line))
            if line.isEmpty || line.hasPrefix("#") || line.hasPrefix("== ") { continue }
            if line.hasPrefix("start: ") {
                all[last].isGreeted = line == "start: greeted"
            } else if line.hasPrefix("    ") {
                let step = all[last].steps.count - 1
                guard step >= 0 else { throw Fault(line: number, text: "bytes without a frame") }
                try all[last].steps[step].append(line.prefix { $0 != ";" }, &bracket, line: number)
            } else {
                guard !bracket else { throw Fault(line: number, text: "a bracket is open") }
                all[last].steps.append(try Step(line, line: number))
            }
        }
        for index in all.indices {
            while all[index].text.last?.isEmpty == true { all[index].text.removeLast() }
        }
        return all
    }

    /// The text of a file of the package, whose directory is found from the path of a test's file.
    public static func read(_ path: String, from here: String = #filePath) -> String? {
        guard let end = here.firstRange(of: "/Tests/")?.lowerBound,
            let bytes = try? Files.read("\(here[..<end])/\(path)")
        else { return nil }
        return String(validating: bytes, as: UTF8.self)
    }
}

extension Transcript.Step {
    /// Reads the line that names a frame: `C: SEND: meaning`.
    fileprivate init(_ text: Substring, line: Int) throws(Transcript.Fault) {
        let parts = text.split(separator: ":", maxSplits: 2)
        let sides: [Substring: Side] = ["C": .client, "D": .daemon, "D+": .daemonSameCommit]
        guard parts.count == 3, let side = sides[parts[0]] else {
            throw Transcript.Fault(line: line, text: "neither a frame nor bytes")
        }
        self.init(side: side, name: String(parts[1].dropFirst()), line: line)
    }

    /// Takes one line of bytes; `bracket` says whether the daemon chooses what is read.
    fileprivate mutating func append(
        _ text: Substring, _ bracket: inout Bool, line: Int
    ) throws(Transcript.Fault) {
        for word in text.split(separator: " ") {
            var rest = word
            if rest.first == "[" {
                bracket = true
                rest = rest.dropFirst()
            }
            let closes = rest.last == "]"
            if closes { rest = rest.dropLast() }
            if rest == "..." {
                isOpenEnded = true
                rest = ""
            }
            if let colon = rest.firstIndex(of: ":") {
                handles.append((String(rest[..<colon]), bytes.count))
                rest = rest[rest.index(after: colon)...]
            }
            while !rest.isEmpty {
                guard rest.count >= 2, let byte = UInt8(rest.prefix(2), radix: 16) else {
                    throw Transcript.Fault(line: line, text: "\(rest) are no bytes")
                }
                bytes.append(byte)
                isChosen.append(bracket)
                rest = rest.dropFirst(2)
            }
            if closes { bracket = false }
        }
    }
}
