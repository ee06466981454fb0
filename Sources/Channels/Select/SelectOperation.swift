// SPDX-License-Identifier: Apache-2.0

import ChanSystem
import ChanWire

/// One SELECT frame.
///
/// Unchecked, as every ``Operation``: it has one owner at a time.
final class SelectOperation: Operation, @unchecked Sendable {
    private let actions: [SelectAction]
    private let ordered: Bool
    private let limit: UInt32
    /// The messages of the send cases, by case.
    private var messages: [[UInt8]] = []
    /// The channels that those pass, by case.
    private var passed: [[PassedChannel]] = []
    private var messageBytes = 0
    /// Bytes that the lists of those channels take.
    private var listBytes = 0
    /// Which cases won, one after the other; none where the time ran out.
    ///
    /// The caller's once it is resumed.
    @exclusivity(unchecked) private(set) var winners: [SelectWinner] = []
    @exclusivity(unchecked) private var held = Held()
    /// The session that it was begun in.
    private var session: UInt64 = 0

    /// - Parameter limit: how many selects it is in one turn.
    init(_ loop: ClientLoop, _ actions: [SelectAction], timeout: Int64, ordered: Bool, limit: Int = 1) {
        self.actions = actions
        self.ordered = ordered
        self.limit = UInt32(clamping: limit)
        super.init(loop, channel: nil, timeout: timeout)
    }

    /// Waits for the winner; nil where the time ran out.
    func winner() async throws -> SelectWinner? { try await allWinners().first }

    /// Waits for the winners of all selects of the turn; none where the time ran out.
    func allWinners() async throws -> [SelectWinner] {
        _ = try await outcome()
        return winners
    }

    /// The error for messages that were encoded for a session with other limits: they would cost this one.
    private func excess(over limits: PresentLimits) -> ChandError? {
        guard messageBytes + overhead > limits.maxBodyBytes else { return nil }
        return ChandError(
            .messageTooLarge,
            "a select's messages of \(messageBytes) bytes are over the daemon's limit of \(limits.maxBodyBytes)"
        )
    }

    /// Encodes what the send cases send; in the calling task, so that its errors are the call's.
    func encode() throws {
        for action in actions {
            guard case .send(let channel, let encode) = action else {
                messages.append([])
                passed.append([])
                continue
            }
            var writer = MessageWriter()
            do {
                try encode(&writer)
            } catch {
                throw ChandError(
                    .encoding, "the element does not encode: \(error)", channel: channel.name,
                    underlying: "\(error)")
            }
            let message = writer.bytes.withReadable { [UInt8]($0) }
            for candidate in writer.passed {
                if let obstacle = candidate.obstacle(through: channel) { throw obstacle }
            }
            messageBytes += message.count
            if !writer.passed.isEmpty { listBytes += 1 + writer.passed.count * ListedChannel.byteCount }
            let limits = channel.limits
            guard message.count <= limits.maxMessageBytes, messageBytes + overhead <= limits.maxBodyBytes
            else {
                throw ChandError(
                    .messageTooLarge,
                    "a select's messages of \(messageBytes) bytes are over the daemon's limits of "
                        + "\(limits.maxMessageBytes) for one and \(limits.maxBodyBytes) for all",
                    channel: channel.name)
            }
            messages.append(message)
            passed.append(writer.passed)
        }
    }

    /// Bytes of the frame's body apart from messages.
    private var overhead: Int { 12 + actions.count * ChanWire.SelectCase.prefixByteCount + listBytes }

    override func obstacle() -> ChandError? {
        for action in actions {
            switch action {
            case .receive(let channel), .send(let channel, _):
                if let obstacle = channel.obstacle() ?? excess(over: channel.limits) { return obstacle }
            case .never, .source, .timeout, .otherwise, .receiveNear, .sendNear:
                break
            }
        }
        // Their numbers were listed when they were encoded, perhaps in another session.
        for case (.send(let channel, _), let listed) in zip(actions, passed) {
            for candidate in listed {
                if let obstacle = candidate.obstacle(through: channel) { return obstacle }
            }
        }
        return nil
    }

    override func write(request: UInt64, to connection: Connection) {
        var frame = SelectRequest.Builder(
            request: request, count: actions.count, timeout: timeout, ordered: ordered, limit: limit)
        for (action, message) in zip(actions, zip(messages, passed)) {
            switch action {
            case .receive(let channel): frame.add(.receive, handle: channel.number)
            case .send(let channel, _):
                frame.add(.send, handle: channel.number, message: message.0, passing: message.1.listed)
            case .never, .source, .timeout, .otherwise, .receiveNear, .sendNear: frame.add(.never)
            }
        }
        connection.append(frame.finish())
        session = connection.session.number
        messages = []
    }

    /// All answers but the last of several selects in one turn.
    override func partlyAnswered(by frame: AnswerFrame, on connection: Connection) throws(WireFault) {
        if frame.header.type == .won { return try takeAll(of: frame, on: connection) }
        let index = Int(frame.header.field)
        guard frame.header.type == .received, index < actions.count,
            case .receive(let channel) = actions[index], winners.count < Int(limit)
        else { throw WireFault(.malformed, "case \(index) of a select won") }
        try take(frame, from: channel, case: index, on: connection)
    }

    override func answered(by frame: AnswerFrame, on connection: Connection) throws(WireFault) {
        if frame.header.type == .won {
            try takeAll(of: frame, on: connection)
            return handOver(on: connection)
        }
        let index = Int(frame.header.field)
        guard index < actions.count else { throw WireFault(.malformed, "case \(index) of a select won") }
        switch (frame.header.type, actions[index]) {
        case (.selected, .send):
            resume(SelectWinner(index: index, outcome: .sent))
        case (.received, .receive(let channel)):
            try take(frame, from: channel, case: index, on: connection)
            handOver(on: connection)
        default:
            throw WireFault(.malformed, "a select is answered by a frame of type \(frame.header.rawType)")
        }
    }

    /// Takes the one message of a RECEIVED.
    private func take(
        _ frame: AnswerFrame, from channel: RemoteHandle, case index: Int, on connection: Connection
    ) throws(WireFault) {
        var received = try Received(reading: frame.body)
        let message = try received.next()
        guard received.handle == channel.number, received.count == 1 else {
            throw WireFault(.malformed, "a select is answered by \(received.count) messages")
        }
        win(message, of: frame, as: received.first, case: index, through: channel, on: connection)
    }

    /// A case, as the winners of a frame name it.
    private struct Receiver {
        /// Of a receive case; `actions` has it, and every message would retain it.
        let handle: Unmanaged<RemoteHandle>?
        let number: UInt32

        init(_ action: SelectAction) {
            if case .receive(let channel) = action {
                (handle, number) = (.passUnretained(channel), channel.number)
            } else {
                (handle, number) = (nil, 0)
            }
        }
    }

    /// Takes the winners of several selects, in their order.
    private func takeAll(of frame: AnswerFrame, on connection: Connection) throws(WireFault) {
        var won = try Won(reading: frame.body)
        guard Int(won.count) <= Int(limit) - winners.count else {
            throw WireFault(.malformed, "\(won.count) winners for a select of up to \(limit)")
        }
        winners.reserveCapacity(winners.count + Int(won.count))
        let receivers = actions.map(Receiver.init)
        try receivers.withUnsafeBufferPointer { receivers throws(WireFault) in
            for _ in 0..<won.count {
                try take(won.next(), of: frame, for: receivers, on: connection)
                // A codec may have forked: what else came is the parent's.
                if !connection.origin.isHere { return }
            }
            try won.finish()
        }
    }

    private func take(
        _ winner: Won.Winner, of frame: AnswerFrame, for receivers: UnsafeBufferPointer<Receiver>,
        on connection: Connection
    ) throws(WireFault) {
        let index = Int(winner.caseIndex)
        guard index < receivers.count, let handle = receivers[index].handle,
            winner.handle == receivers[index].number
        else { throw WireFault(.malformed, "case \(index) of a select won") }
        handle._withUnsafeGuaranteedRef {
            win(winner.message, of: frame, as: winner.delivery, case: index, through: $0, on: connection)
        }
    }

    /// Adds the winner that a message makes; one that does not decode is given up.
    private func win(
        _ message: Received.Message, of frame: AnswerFrame, as delivery: UInt64, case index: Int,
        through handle: RemoteHandle, on connection: Connection
    ) {
        let bytes = frame.message(message, through: handle)
        do {
            winners.append(SelectWinner(index: index, outcome: .received(try handle.value(of: bytes))))
            held.note(delivery, of: handle.number, case: index)
            if let offer = bytes.offer { held.offers.append(offer) }
        } catch {
            bytes.offer?.withdraw()
            connection.giveUp(delivery, of: handle)
            winners.append(SelectWinner(index: index, outcome: .failed(handle.undecodableError(error))))
        }
    }

    /// What winners have and the caller has not: he gets all with the last answer, or, if there is none, nothing.
    private struct Held {
        /// Deliveries are numbered in a row, so most are one range for each case.
        var ranges: [DeliveryRange] = []
        /// The last range of each case.
        var places: [Int] = []
        /// What their messages pass.
        var offers: [ChannelOffer] = []

        mutating func note(_ delivery: UInt64, of handle: UInt32, case index: Int) {
            while places.count <= index { places.append(-1) }
            let place = places[index]
            if place >= 0, ranges[place].first &+ UInt64(ranges[place].count) == delivery {
                ranges[place].count &+= 1
            } else {
                places[index] = ranges.count
                ranges.append(DeliveryRange(handle: handle, first: delivery, count: 1))
            }
        }
    }

    /// Resumes the caller with all winners, which are settled by that (rule 19).
    private func handOver(on connection: Connection) {
        for range in held.ranges {
            connection.ledger.note(.settled, handle: range.handle, first: range.first, count: range.count)
        }
        // Only now, see there.
        for offer in held.offers { offer.settle() }
        held = Held()
        resume(nil)
    }

    /// The caller gets nothing: what has come goes back, and a codec has seen it.
    override func fail(_ error: any Error) {
        for range in held.ranges {
            loop.finish(
                .returnedSeen, handle: range.handle, delivery: range.first, count: range.count,
                session: session)
        }
        for offer in held.offers { offer.withdraw() }
        held = Held()
        super.fail(error)
    }

    override func failed(_ failure: Failed, on connection: Connection) {
        if failure.code == .wouldBlock || failure.code == .timeout {
            guard timeout < 0, winners.isEmpty else { return handOver(on: connection) }
            let fault = Connection.malformed(
                WireFault(.malformed, "a select without a limit of time ended for lack of it"))
            fail(fault)
            return connection.lose(fault)
        }
        let index = Int(failure.caseIndex)
        guard index < actions.count, let channel = channel(of: index) else {
            return fail(DaemonFailure.error(failure, channel: nil))
        }
        switch DaemonFailure.error(failure, channel: channel.name) {
        case let closed as ChannelClosed: resume(SelectWinner(index: index, outcome: .closed(closed)))
        case let error as ChandError where failure.code == .noReceivers:
            resume(SelectWinner(index: index, outcome: .failed(error)))
        case let error: fail(error)
        }
    }

    private func channel(of index: Int) -> RemoteHandle? {
        switch actions[index] {
        case .receive(let channel), .send(let channel, _): channel
        case .never, .source, .timeout, .otherwise, .receiveNear, .sendNear: nil
        }
    }

    private func resume(_ winner: SelectWinner?) {
        if let winner { winners.append(winner) }
        resume(returning: 0)
    }
}
