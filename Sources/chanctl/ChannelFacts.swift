// SPDX-License-Identifier: Apache-2.0

import Channels

/// A channel's state in words and in JSON.
extension ChannelStatus {
    /// Open or closed, and what else is out of the ordinary.
    var stateWords: [String] {
        var words = [isClosed ? "closed" : "open"]
        if isRemoved { words.append("removed") }
        if isKept { words.append("kept") }
        if isPaused { words.append("paused") }
        return words
    }

    /// Four octal digits.
    var modeText: String {
        let digits = String(mode, radix: 8)
        return String(repeating: "0", count: max(0, 4 - digits.count)) + digits
    }

    /// The channel's part of `list --json` and `show --json`.
    var json: JSON { .object(fields) }

    /// The keys of that object.
    var fields: [(key: String, value: JSON)] {
        [
            ("name", .string(name)),
            ("state", .string(isClosed ? "closed" : "open")),
            ("kept", .bool(isKept)),
            ("removed", .bool(isRemoved)),
            ("paused", .bool(isPaused)),
            // Undecided is null, unbounded -1.
            ("capacity", capacity.number.map(JSON.number) ?? .null),
            ("queued", .number(length)),
            ("queued_bytes", .unsigned(queuedBytes)),
            ("max_bytes", .number(maxBytes)),
            ("unsettled", .number(unsettled)),
            ("ahead", .number(ahead)),
            ("leased", .number(leased)),
            ("set_aside", .number(setAside)),
            ("waiting_senders", .number(waitingSends)),
            ("waiting_receivers", .number(waitingReceives)),
            ("send_handles", .number(senders)),
            ("receive_handles", .number(receivers)),
            ("send_ready", .bool(sendReady)),
            ("receive_ready", .bool(receiveReady)),
            ("accepted", .unsigned(accepted)),
            ("settled", .unsigned(settled)),
            ("delivered", .unsigned(delivered)),
            ("owner", .unsigned(UInt64(owner))),
            ("owner_name", .string(Accounts.user(owner))),
            ("group", .unsigned(UInt64(group))),
            ("group_name", .string(Accounts.group(group))),
            ("mode", .string(modeText)),
            ("type", .text(typeTag)),
            ("close_with_last_sender", .bool(closesWithLastSender)),
            ("fail_with_last_receiver", .bool(failsWithLastReceiver)),
            ("close_code", closeReason.map { .unsigned(UInt64($0.code)) } ?? .null),
            ("close_text", .text(closeReason?.text)),
            ("generation", .unsigned(generation)),
        ]
    }
}

extension ChannelRole {
    /// What a handle may do.
    var word: String {
        switch self {
        case .send: "send"
        case .receive: "receive"
        default: "both"
        }
    }
}
