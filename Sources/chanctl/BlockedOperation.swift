// SPDX-License-Identifier: Apache-2.0

import Channels

/// An operation that waits, with all its cases if it is a select.
struct BlockedOperation: Sendable {
    /// Its cases in order, one unless it is a select.
    let cases: [WaitingOperation]

    /// What all cases have in common.
    var first: WaitingOperation { cases[0] }

    /// Puts the cases of selects together; the operation that has waited longest comes first.
    static func grouped(_ waiting: [WaitingOperation]) -> [BlockedOperation] {
        struct Key: Hashable {
            let session: UInt64
            let request: UInt64
        }
        return Dictionary(grouping: waiting) { Key(session: $0.session, request: $0.request) }.values
            .map { BlockedOperation(cases: $0.sorted { $0.caseIndex < $1.caseIndex }) }
            .sorted {
                ($1.first.waited, $0.first.session, $0.first.request) < (
                    $0.first.waited, $1.first.session, $1.first.request
                )
            }
    }

    /// As in "receive jobs" or "select: receive a, send b".
    func text(_ space: OwnSpace) -> String {
        guard first.isInSelect else { return Self.text(first, space) }
        guard first.kind != .nothing else { return "select without channels" }
        return "select: " + cases.map { Self.text($0, space) }.joined(separator: ", ")
    }

    private static func text(_ waiting: WaitingOperation, _ space: OwnSpace) -> String {
        let channel = waiting.channel.map(space.relative) ?? "a channel that is gone"
        return switch waiting.kind {
        case .send: "send \(channel)"
        case .receive: waiting.readsAhead ? "receive \(channel), reading ahead" : "receive \(channel)"
        case .state: "state of \(channel)"
        case .confirmation: "confirmation of \(channel)"
        case .nothing: "nothing"
        }
    }

    /// What is the same in every verb's JSON of an operation.
    func json(now: Duration) -> [(key: String, value: JSON)] {
        [
            ("operation", .string(first.isInSelect ? "select" : Self.word(first.kind))),
            ("channel", first.isInSelect ? .null : .text(first.channel)),
            (
                "cases",
                .array(
                    (first.isInSelect && first.kind != .nothing ? cases : []).map {
                        [
                            "case": .number($0.caseIndex), "operation": .string(Self.word($0.kind)),
                            "channel": .text($0.channel),
                        ]
                    })
            ),
            ("reads_ahead", .bool(first.readsAhead)),
            ("waiting_seconds", .real(Quantities.seconds(first.waited))),
            ("since", .string(WallClock.universal(now - first.waited))),
            ("timeout_seconds", first.timeLeft.map { .real(Quantities.seconds($0)) } ?? .null),
        ]
    }

    private static func word(_ kind: WaitingOperation.Kind) -> String {
        switch kind {
        case .send: "send"
        case .receive: "receive"
        case .state: "wait"
        case .confirmation: "confirm"
        case .nothing: "nothing"
        }
    }
}
