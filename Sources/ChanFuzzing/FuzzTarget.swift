// SPDX-License-Identifier: Apache-2.0

import ChanCore
import ChanWire
import ChandConfig
import ChandServer

/// What hostile bytes are tried on: by libFuzzer in Tests/Fuzz, and by the suite with the cases that it kept.
public enum FuzzTarget: String, CaseIterable, Sendable {
    /// Bytes in pieces become frames, and their bodies values.
    case decoder
    /// A connection that has not said anything to the daemon.
    case handshake
    /// The text of a configuration file.
    case configuration
    /// Several sessions around a broker: `FuzzedSessions` has the language.
    case sessions
}

/// Tries inputs on a target.
///
/// Whatever the bytes are, a run returns: a trap is a finding, and so is what `finding(_:)` is called for.
public final class Fuzzer {
    private let target: FuzzTarget
    private let checkedShare: UInt32
    /// What connections come to one after the other, each leaving it as it was: a daemon is not started for each one either.
    private var door = DetachedSessions(
        limits: BrokerLimits(), spaces: [], declared: [], maxMessageBytes: 1024, checksInvariants: false)

    /// Inputs so far.
    private var tried = 0

    /// Makes a fuzzer.
    ///
    /// - Parameter checkedShare: one of so many inputs to `sessions`, the same ones each time, has the whole state checked
    ///   after every frame; the others have it checked at their end.
    public init(_ target: FuzzTarget, checkedShare: UInt32 = 1) {
        self.target = target
        self.checkedShare = checkedShare
    }

    /// Tries the bytes.
    public func run(_ bytes: UnsafeRawBufferPointer) {
        switch target {
        case .decoder: FuzzedStream(bytes).decode()
        case .handshake:
            FuzzedStream(bytes).shakeHands(with: &door)
            // Of those in between, what is left on an account is found as well, as it stays there.
            if tried % 16 == 0 { door.check() }
            tried &+= 1
        case .configuration: Self.configure(Array(bytes))
        case .sessions:
            let hash = bytes.reduce(0 as UInt32) { $0 &* 31 &+ UInt32($1) }
            var sessions = FuzzedSessions(bytes, checksEveryFrame: hash % checkedShare == 0)
            sessions.run()
        }
    }

    /// A file that is accepted says the same when its values are written into another one.
    private static func configure(_ text: [UInt8]) {
        let names = NameLookup(
            user: { $0.hasPrefix("u") ? .id(1000) : .unknown },
            group: { $0.hasPrefix("g") ? .id(100) : .failed(5) })
        do {
            let configuration = try Configuration.parse(text, file: "chand.toml", names: names)
            let values = ConfigurationSchema.keys.map(\.fullName).compactMap { name in
                configuration.text(of: name).map { (name: name, text: $0) }
            }
            let file = values.map { "\($0.name) = \($0.text)\n" }.joined()
            let again = try Configuration.parse(Array(file.utf8), file: "again.toml", names: names)
            for (name, text) in values where again.text(of: name) != text {
                finding("\(name) is \(again.text(of: name) ?? "nil"), was \(text)")
            }
        } catch {
            for problem in error.problems {
                // What was written here has to be good.
                if "\(problem)".isEmpty || "\(problem)".hasPrefix("again.toml") { finding("\(problem)") }
                // One line each, on a terminal and in a journal.
                if "\(problem)".unicodeScalars.contains(where: { $0.value < 32 }) { finding("\(problem)") }
            }
        }
    }
}

/// Says that something does not hold, to libFuzzer or to a test.
func finding(_ text: String) -> Never {
    // Both hear of it by the end of the process, as of a trap.
    fatalError(text)
}
