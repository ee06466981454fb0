// SPDX-License-Identifier: Apache-2.0

import ChanTestSupport
import Testing

/// The checker of histories, on histories written by hand: what plain channels can do passes, and what they
/// can't does not.
@Suite struct HistoryCheckerTests {
    typealias Operation = HistoryOperation
    typealias Case = HistoryOperation.Case

    /// A history of channels with these capacities.
    struct Example: CustomTestStringConvertible, Sendable {
        var testDescription: String
        var capacities: [Int]
        var operations: [Operation]

        init(_ name: String, _ capacities: [Int], _ operations: [Operation]) {
            testDescription = name
            self.capacities = capacities
            self.operations = operations
        }
    }

    private static func send(
        _ value: UInt64, _ from: UInt64, _ to: UInt64?, on channel: Int = 0,
        _ outcome: Operation.Outcome? = .sent(0)
    ) -> Operation {
        Operation(
            process: 1, invoked: from, returned: to, .cases([.send(value, channel)]),
            to == nil ? nil : outcome)
    }

    private static func receive(
        _ value: UInt64, _ from: UInt64, _ to: UInt64, on channel: Int = 0, process: Int = 2
    ) -> Operation {
        Operation(
            process: process, invoked: from, returned: to, .cases([.receive(channel)]), .received(value, 0))
    }

    private static func receive(
        _ outcome: Operation.Outcome?, _ from: UInt64, _ to: UInt64?, on channel: Int = 0, process: Int = 2
    ) -> Operation {
        Operation(process: process, invoked: from, returned: to, .cases([.receive(channel)]), outcome)
    }

    private static func close(_ from: UInt64, _ to: UInt64, on channel: Int = 0, first: Bool = true)
        -> Operation
    {
        Operation(process: 3, invoked: from, returned: to, .close(channel), .closing(first))
    }

    private static func select(
        _ cases: [Case], _ outcome: Operation.Outcome?, _ from: UInt64, _ to: UInt64?, process: Int = 4
    ) -> Operation {
        Operation(process: process, invoked: from, returned: to, .cases(cases), outcome)
    }

    // MARK: Histories of plain channels

    static let right: [Example] = [
        Example("nothing at all", [0], []),
        Example(
            "first in, first out", [3], [send(1, 0, 1), send(2, 2, 3), receive(1, 4, 5), receive(2, 6, 7)]),
        Example(
            "sends at once, in either order", [3],
            [
                send(1, 0, 5), send(2, 1, 4), receive(2, 6, 7), receive(1, 8, 9),
            ]),
        Example(
            "receives at once, in either order", [3],
            [
                send(1, 0, 1), send(2, 2, 3), receive(2, 4, 9), receive(1, 5, 8, process: 5),
            ]),
        Example("a rendezvous", [0], [send(1, 0, 5), receive(1, 3, 8)]),
        Example(
            "a send waits for room", [1],
            [send(1, 0, 1), send(2, 2, 9), receive(1, 4, 5), receive(2, 10, 11)]),
        Example(
            "a try that finds the buffer full", [1],
            [send(1, 0, 1), send(2, 2, 3, .blocked), receive(1, 4, 5)]),
        Example(
            "a try that finds the buffer full for an instant", [1],
            [
                send(1, 0, 5), send(2, 1, 9, .blocked), receive(1, 6, 8),
            ]),
        Example("unbounded takes all", [-1], [send(1, 0, 1), send(2, 2, 3), receive(1, 4, 5)]),
        Example(
            "what is queued comes before closed", [2],
            [
                send(1, 0, 1), close(2, 3), receive(1, 4, 5), receive(.closed(0), 6, 7),
            ]),
        Example("a send that a close fails", [0], [send(1, 0, 9, .closed(0)), close(2, 3)]),
        Example("one of two closes is the first", [0], [close(0, 5, first: false), close(1, 6)]),
        Example(
            "not closed while a delivery may be unsettled", [1],
            [
                send(1, 0, 1), close(2, 3), receive(1, 4, 5), receive(.blocked, 6, 7, process: 5),
            ]),
        Example("a send of unknown outcome happened", [1], [send(1, 0, nil), receive(1, 4, 5)]),
        Example("a send of unknown outcome did not happen", [1], [send(1, 0, nil), receive(.blocked, 4, 5)]),
        Example(
            "a receive of unknown outcome took it", [2],
            [
                send(1, 0, 1), send(2, 2, 3), receive(nil, 4, nil), receive(2, 6, 7, process: 5),
            ]),
        Example("a receive of unknown outcome met the sender", [0], [send(1, 0, 5), receive(nil, 4, nil)]),
        Example(
            "two selects meet", [0, 0],
            [
                select([.send(1, 0), .receive(1)], .sent(0), 0, 9),
                select([.send(2, 1), .receive(0)], .received(1, 1), 1, 8, process: 5),
            ]),
        Example(
            "a select of unknown outcome sent by one case", [1, 1],
            [
                select([.send(1, 0), .send(2, 1)], nil, 0, nil), receive(2, 4, 5, on: 1),
                receive(.blocked, 6, 7),
            ]),
        Example(
            "default when nothing is ready", [1, 1],
            [
                send(1, 0, 1), select([.send(2, 0), .receive(1)], .blocked, 2, 3), receive(1, 4, 5),
            ]),
        Example(
            "withdrawn without effect", [1],
            [
                send(1, 0, 1), send(2, 2, 3, .withdrawn), receive(1, 4, 5), receive(.blocked, 6, 7),
            ]),
    ]

    @Test(arguments: right) func passes(_ example: Example) {
        let verdict = HistoryChecker(capacities: example.capacities).check(example.operations)
        #expect(verdict == .linearizable)
        let reversed = HistoryChecker(capacities: example.capacities).check(example.operations.reversed())
        #expect(reversed == .linearizable)
    }

    // MARK: Histories that no plain channel has

    static let wrong: [Example] = [
        Example("swapped order", [3], [send(1, 0, 1), send(2, 2, 3), receive(2, 4, 5), receive(1, 6, 7)]),
        Example(
            "swapped order of receives at once with a third", [3],
            [
                send(1, 0, 1), send(2, 2, 3), send(3, 4, 5), receive(3, 6, 10), receive(1, 7, 11, process: 5),
                receive(2, 12, 13),
            ]),
        Example("a value twice", [3], [send(1, 0, 1), receive(1, 4, 5), receive(1, 6, 7)]),
        Example("a value that is lost", [3], [send(1, 0, 1), receive(.blocked, 4, 5)]),
        Example(
            "a lost value in the middle", [3],
            [
                send(1, 0, 1), send(2, 2, 3), send(3, 4, 5), receive(1, 6, 7), receive(3, 8, 9),
            ]),
        Example("received before it was sent", [3], [receive(1, 0, 1), send(1, 2, 3)]),
        Example("a value that nobody sent", [3], [send(1, 0, 1), receive(2, 2, 3)]),
        Example("received though the send failed", [3], [send(1, 0, 1, .blocked), receive(1, 2, 3)]),
        Example(
            "received though the send was withdrawn", [3], [send(1, 0, 1, .withdrawn), receive(1, 2, 3)]),
        Example("received from another channel", [3, 3], [send(1, 0, 1), receive(1, 2, 3, on: 1)]),
        Example("a rendezvous that buffers", [0], [send(1, 0, 1), receive(1, 2, 3)]),
        Example("a rendezvous without a partner", [0], [send(1, 0, 1)]),
        Example(
            "a buffer of one that holds two", [1],
            [
                send(1, 0, 1), send(2, 2, 3), receive(1, 4, 5), receive(2, 6, 7),
            ]),
        Example(
            "a buffer of three that holds four", [3],
            [
                send(1, 0, 1), send(2, 2, 3), send(3, 4, 5), send(4, 6, 7), receive(1, 8, 9),
            ]),
        Example(
            "a try to send that fails though there is room at every instant", [1],
            [
                send(1, 2, 3, .blocked)
            ]),
        Example(
            "a try to receive that fails though ready at every instant", [2],
            [
                send(1, 0, 1), send(2, 2, 3), receive(.blocked, 4, 9), receive(1, 5, 6, process: 5),
            ]),
        Example("an unbounded channel that is full", [-1], [send(1, 0, 1, .blocked)]),
        Example(
            "closed before a value", [2],
            [
                send(1, 0, 1), close(2, 3), receive(.closed(0), 4, 5), receive(1, 6, 7),
            ]),
        Example("closed though nobody closed", [2], [receive(.closed(0), 0, 1)]),
        Example("sent after the close", [2], [close(0, 1), send(1, 2, 3)]),
        Example("sends closed before the close", [2], [send(1, 0, 1, .closed(0)), close(2, 3)]),
        Example("a try that blocks on a closed channel", [2], [close(0, 1), receive(.blocked, 2, 3)]),
        Example(
            "a try that blocks after the settlement of what was closed", [2],
            [
                send(1, 0, 1), close(2, 3), receive(1, 4, 5), receive(.closed(0), 6, 7),
                receive(.blocked, 8, 9, process: 5),
            ]),
        Example("both closes were the first", [0], [close(0, 5), close(1, 6)]),
        Example("no close was the first", [0], [close(0, 5, first: false)]),
        Example(
            "both cases of a select took effect", [3, 3],
            [
                select([.send(1, 0), .send(2, 1)], .sent(0), 0, 1), receive(1, 2, 3), receive(2, 4, 5, on: 1),
            ]),
        Example(
            "both cases of a select of unknown outcome took effect", [3, 3],
            [
                select([.send(1, 0), .send(2, 1)], nil, 0, nil), receive(1, 2, 3), receive(2, 4, 5, on: 1),
            ]),
        Example(
            "default though a case was ready", [1, 1],
            [
                send(1, 0, 1), select([.receive(0), .receive(1)], .blocked, 2, 3), receive(1, 4, 5),
            ]),
        Example(
            "a select that meets itself", [0],
            [
                select([.send(1, 0), .receive(0)], .received(1, 1), 0, 9)
            ]),
        Example(
            "a select takes what others took", [2, 2],
            [
                send(1, 0, 1), select([.receive(0), .receive(1)], .received(1, 0), 2, 3), receive(1, 4, 5),
            ]),
        Example(
            "two channels at different instants", [1, 1],
            [
                // Some value is in one of the two at every instant, so a select over both can't block.
                send(1, 0, 1), send(2, 2, 3, on: 1), select([.receive(0), .receive(1)], .blocked, 4, 20),
                receive(1, 5, 6, process: 5), receive(2, 21, 22, on: 1, process: 5),
            ]),
        Example("a value that appears twice in the sends", [2], [send(1, 0, 1), send(1, 2, 3)]),
    ]

    @Test(arguments: wrong) func fails(_ example: Example) {
        let verdict = HistoryChecker(capacities: example.capacities).check(example.operations)
        guard case .violation = verdict else {
            Issue.record("\(verdict)")
            return
        }
    }

    /// A search that would take too long says so rather than that all is well.
    @Test func givesUp() {
        // Twenty sends at once, and values that come out in an order that none of them allows.
        var operations = (1...20).map { Self.send($0, 0, 100) }
        operations.append(Self.receive(.blocked, 101, 102))
        #expect(HistoryChecker(capacities: [-1], limit: 1000).check(operations) == .undecided(1000))
    }
}
