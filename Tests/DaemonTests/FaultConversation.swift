// SPDX-License-Identifier: Apache-2.0

import ChanTestSupport
import ChanWire
import Testing

/// An ordinary conversation, frame by frame, with every kind of frame that moves messages.
enum FaultConversation: String, CaseIterable {
    /// Sends: single, batch, tried, confirmed, in a select; and cancels.
    case sender
    /// Receives: single, several, leased, in a select; settles, gives back, and cancels.
    case receiver
    /// Selects in both directions over two channels.
    case selector

    /// A frame, made when its turn has come.
    typealias Step = @Sendable (FaultPlayer, String) throws -> [UInt8]

    /// The channels, which are there before.
    static func channels(_ prefix: String) -> [String] { ["\(prefix)/a", "\(prefix)/b"] }

    var steps: [Step] {
        switch self {
        case .sender: Self.sending
        case .receiver: Self.receiving
        case .selector: Self.selecting
        }
    }

    private static func open(_ index: Int, _ role: Role) -> Step {
        { player, prefix in
            OpenRequest(name: channels(prefix)[index], role: role).encoded(request: try player.request())
        }
    }

    private static func send(
        _ values: String..., confirm: UInt8 = 0, timeout: Int64 = WireTimeout.never
    ) -> Step {
        { player, _ in
            let request = try player.request(.batch(values))
            var frame = WireClient.sendFrame(
                request: request, handle: 0, values.map { Array($0.utf8) }, timeout: timeout)
            frame[5] |= confirm
            return frame
        }
    }

    /// A select; strings are offered to the handle, nil receives from it.
    private static func select(
        _ cases: (handle: UInt32, value: String?)..., ordered: Bool = false,
        timeout: Int64 = WireTimeout.never
    ) -> Step {
        { player, _ in
            let request = try player.request(.cases(cases.map(\.value)))
            let list = cases.map { candidate in
                candidate.value.map { WireClient.Case.send(candidate.handle, $0) }
                    ?? .receive(candidate.handle)
            }
            return WireClient.selectFrame(request: request, list, ordered: ordered, timeout: timeout)
        }
    }

    private static func receive(upTo count: UInt32 = 1) -> Step {
        { player, _ in
            WireClient.receiveFrame(request: try player.request(), handle: 0, upTo: count)
        }
    }

    private static func cancelLatest(_ count: Int) -> Step {
        { player, _ in player.requests.suffix(count).flatMap { SimpleFrame.cancel(request: $0) } }
    }

    private static func settle(_ count: Int = .max) -> Step {
        { player, _ in WireClient.rangesFrame(.settle, player.settleHeld(count)) }
    }

    private static func giveBack(seen: Bool) -> Step {
        { player, _ in
            WireClient.rangesFrame(
                .giveBack, player.giveBackHeld(seen: seen), flags: seen ? GiveBackFlags.seen : 0)
        }
    }

    private static func lease(_ action: LeaseRequest.Action) -> Step {
        { player, _ in
            let delivery = try #require(player.firstHeld)
            if action == .done { _ = player.settleHeld(1) }
            return LeaseRequest(
                action, handle: delivery.handle, delivery: delivery.first, nanoseconds: 3_600_000_000_000
            ).encoded(request: try player.request())
        }
    }

    private static func handle(_ type: FrameType) -> Step {
        { player, _ in SimpleFrame.handle(type, request: try player.request(), handle: 0) }
    }

    private static let sending: [Step] = [
        open(0, .send), send("s1"), send("s2", "s3"), send("s4", confirm: SendRequest.confirmReceiptFlag),
        send("s5", confirm: SendRequest.confirmSettlementFlag), select((0, "s6"), (0, "s7")),
        send("s8", timeout: 0), send("s9", "s10"), cancelLatest(5), send("s11"), handle(.closeHandle),
    ]

    private static let receiving: [Step] = [
        open(0, .receive), receive(), settle(), receive(upTo: 3), giveBack(seen: true), settle(1),
        giveBack(seen: false), leasedReceive, lease(.extend), lease(.done), select((0, nil)), receipt,
        settle(), receive(), receive(upTo: 9), receive(), cancelLatest(1), handle(.stop),
        handle(.closeHandle),
    ]

    private static let selecting: [Step] = [
        open(0, .both), open(1, .both), select((0, nil), (1, "x1")),
        select((1, "x2"), (0, nil), ordered: true), select((0, "x3"), (1, nil), timeout: 0), settle(1),
        select((0, "x4"), (0, nil), (1, "x5"), (1, nil)), select((1, nil), (1, nil)), cancelLatest(1),
        select((0, nil), (1, nil)), settle(), select((0, "x6"), (1, "x7")), handle(.closeHandle),
    ]

    private static let leasedReceive: Step = { player, _ in
        var receive = ReceiveRequest(handle: 0, count: 1, timeout: WireTimeout.never)
        receive.lease = WireLease(nanoseconds: 3_600_000_000_000)
        return receive.encodedLeased(request: try player.request())
    }

    private static let receipt: Step = { player, _ in
        WireClient.rangesFrame(.receipt, [try #require(player.firstHeld)])
    }
}
