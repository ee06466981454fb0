// SPDX-License-Identifier: Apache-2.0

import ArgumentParser

/// A case of a select as it is typed: `recv:NAME` or `send:NAME=DATA`.
package struct SelectCaseArgument: Sendable, Equatable {
    /// What the case does.
    package enum Operation: Sendable, Equatable {
        case receive
        case send([UInt8])
    }

    package let operation: Operation
    /// The channel's name, as it was typed.
    package let channel: String

    /// How the case is called in the output.
    package var label: String {
        switch operation {
        case .receive: "recv:\(channel)"
        case .send: "send:\(channel)"
        }
    }

    /// Reads a case.
    package init(_ text: String) throws {
        // Scalar by scalar: as a Character, a sign is one with a mark behind it that combines.
        let scalars = text.unicodeScalars
        if scalars.starts(with: "recv:".unicodeScalars) {
            channel = String(scalars.dropFirst(5))
            operation = .receive
            if channel.unicodeScalars.contains("=") {
                throw ValidationError("the case \"\(text)\" receives and has no value; write recv:CHAN")
            }
        } else if scalars.starts(with: "send:".unicodeScalars) {
            // Names have no equals sign, so the first one ends the name, whatever the value has in it.
            guard let equals = scalars.firstIndex(of: "=") else {
                throw ValidationError("the case \"\(text)\" lacks what to send; write send:CHAN=DATA")
            }
            channel = String(scalars[..<equals].dropFirst(5))
            operation = .send(RawArguments.bytes(of: String(scalars[scalars.index(after: equals)...])))
        } else {
            throw ValidationError("\"\(text)\" is no case; write recv:CHAN or send:CHAN=DATA")
        }
        if channel.isEmpty {
            throw ValidationError("the case \"\(text)\" names no channel; write recv:CHAN or send:CHAN=DATA")
        }
    }
}
