// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import ChandConfig
import Channels

/// A threshold of `check`, as in `queued>100`.
package struct CheckRule: Sendable, Equatable {
    /// What is compared.
    package enum Key: String, CaseIterable, Sendable {
        case queued, bytes, full, unsettled, senders, receivers, blocked
        case setAside = "set_aside"
        case waitingSenders = "waiting_senders"
        case waitingReceivers = "waiting_receivers"
    }

    package let key: Key
    /// Whether it complains above the limit; else below.
    package let isUpper: Bool
    /// The highest, or the lowest, value that is all right.
    package let limit: Double
    /// As it was written.
    package let text: String

    /// Reads `KEY>VALUE` or `KEY<VALUE`; bytes and durations with units.
    package static func read(_ text: String) throws -> CheckRule {
        guard let mark = text.firstIndex(where: { $0 == ">" || $0 == "<" }) else {
            throw ValidationError("\"\(text)\" is no threshold; write it as in 'queued>100' or 'receivers<1'")
        }
        let name = String(text[..<mark])
        guard let key = Key(rawValue: name) else {
            throw ValidationError(Usage.choice(name, "number to check", Key.allCases.map(\.rawValue)))
        }
        return CheckRule(
            key: key, isUpper: text[mark] == ">",
            limit: try value(String(text[text.index(after: mark)...]), of: key), text: text)
    }

    private static func value(_ text: String, of key: Key) throws -> Double {
        switch key {
        case .blocked: return Quantities.seconds(try Quantities.duration(text))
        case .bytes:
            // No message may be of size 0, but a channel may be asked to have no bytes in it.
            if Quantity.bytes(text) == 0 { return 0 }
            return Double(try Quantities.size(text))
        case .full:
            let number = text.hasSuffix("%") ? String(text.dropLast()) : text
            if let percent = Double(number), percent >= 0 { return percent }
        default:
            if let count = Int(text), count >= 0 { return Double(count) }
        }
        throw ValidationError("\"\(text)\" is no value for \(key.rawValue); it is a number from 0 on")
    }

    /// Whether a value is to be complained of.
    package func isBroken(by value: Double) -> Bool { isUpper ? value > limit : value < limit }

    /// What a channel has of it; nil where that means nothing.
    static func value(_ key: Key, of channel: ChannelStatus, blocked: Duration?) -> Double? {
        switch key {
        case .queued: Double(channel.length)
        case .bytes: Double(channel.queuedBytes)
        case .full:
            channel.capacity.number.flatMap {
                $0 > 0 ? Double(channel.length + channel.ahead) * 100 / Double($0) : nil
            }
        case .unsettled: Double(channel.unsettled)
        case .setAside: Double(channel.setAside)
        case .senders: Double(channel.senders)
        case .receivers: Double(channel.receivers)
        case .waitingSenders: Double(channel.waitingSends)
        case .waitingReceivers: Double(channel.waitingReceives)
        case .blocked: Quantities.seconds(blocked ?? .zero)
        }
    }
}
