// SPDX-License-Identifier: Apache-2.0

import ChanCore
import ChanWire

/// How many messages a channel buffers.
public enum ChannelCapacity: Hashable, Sendable, CustomStringConvertible {
    /// No process has stated one yet; the channel acts as a rendezvous (rule 14).
    case undecided
    /// A send meets a receive.
    case rendezvous
    /// So many messages, at least 1.
    case buffered(Int)
    /// As many messages as the quotas allow.
    case unbounded

    init(wire: Int64) {
        switch wire {
        case ChanWire.Capacity.undecided: self = .undecided
        case ChanWire.Capacity.rendezvous: self = .rendezvous
        case ChanWire.Capacity.unbounded: self = .unbounded
        default: self = .buffered(Int(clamping: wire))
        }
    }

    /// The number as in `ChandClient.channel(_:capacity:of:)`; nil where undecided.
    public var number: Int? {
        switch self {
        case .undecided: nil
        case .rendezvous: 0
        case .buffered(let count): count
        case .unbounded: ChannelOptions.unboundedCapacity
        }
    }

    /// A word, or the number.
    public var description: String {
        switch self {
        case .undecided: "undecided"
        case .rendezvous: "rendezvous"
        case .buffered(let count): "\(count)"
        case .unbounded: "unbounded"
        }
    }
}

/// A channel at one instant; stale as soon as it is read (rule 6).
public struct ChannelStatus: Hashable, Sendable {
    /// The absolute name.
    public let name: String
    /// Which life of the name this is (rule 15).
    public let generation: UInt64
    /// How many messages it buffers.
    public let capacity: ChannelCapacity
    /// Messages in the buffer; may exceed the capacity after messages came back (rule 18).
    public let length: Int
    /// Bytes of those messages.
    public let queuedBytes: UInt64
    /// Deliveries that are not settled yet.
    public let unsettled: Int
    /// Of those, messages that were sent ahead and not handed over: they keep their places in the buffer (rule 21).
    public let ahead: Int
    /// Of those, deliveries under a lease.
    public let leased: Int
    /// Messages that cannot be received, since their attempts are used up and no dead-letter channel took them
    /// (rule 19).
    public let setAside: Int
    /// Messages accepted since the channel was created.
    public let accepted: UInt64
    /// Messages settled since the channel was created.
    public let settled: UInt64
    /// Deliveries since the channel was created: messages that came back are counted again.
    public let delivered: UInt64
    /// Sends that wait, select cases included.
    public let waitingSends: Int
    /// Receives that wait, select cases included.
    public let waitingReceives: Int
    /// Open handles that may send.
    public let senders: Int
    /// Open handles that may receive and have not stopped.
    public let receivers: Int
    /// The owning user's number.
    public let owner: UInt32
    /// The group's number.
    public let group: UInt32
    /// Permission bits as of a file.
    public let mode: UInt16
    /// Whether nothing can be sent any more.
    public let isClosed: Bool
    /// The reason given with the close; nil while it is open.
    public let closeReason: CloseReason?
    /// Whether it is kept until it is removed.
    public let isKept: Bool
    /// Whether its receives are held (rule 29).
    public let isPaused: Bool
    /// Whether its name is free already and its handles drain it.
    public let isRemoved: Bool
    /// Whether it closes with its last sender.
    public let closesWithLastSender: Bool
    /// Bytes queued from which on sends wait for room; 0 where there is no bound but the quotas.
    public let maxBytes: Int
    /// Whether sends fail while its last receiver is gone.
    public let failsWithLastReceiver: Bool
    /// Whether a send would proceed, or fail for good, at that instant.
    public let sendReady: Bool
    /// Whether a receive would proceed, or report closed, at that instant.
    public let receiveReady: Bool
    /// The agreed text about its messages; nil where none was stated.
    public let typeTag: String?

    init(_ wire: ChanWire.ChannelStatus) {
        name = wire.name
        generation = wire.generation
        capacity = ChannelCapacity(wire: wire.capacity)
        length = Int(clamping: wire.queued)
        queuedBytes = wire.queuedBytes
        unsettled = Int(clamping: wire.unsettled)
        ahead = Int(clamping: wire.ahead)
        leased = Int(clamping: wire.leased)
        setAside = Int(clamping: wire.setAside)
        accepted = wire.accepted
        settled = wire.settled
        delivered = wire.delivered
        maxBytes = Int(clamping: wire.maxBytes)
        waitingSends = Int(wire.sendWaiters)
        waitingReceives = Int(wire.receiveWaiters)
        senders = Int(wire.sendHandles)
        receivers = Int(wire.receiveHandles)
        owner = wire.owner
        group = wire.group
        mode = wire.mode
        isClosed = wire.state.contains(.closed)
        closeReason = isClosed ? CloseReason(code: wire.closeReason, wire.closeText) : nil
        isKept = wire.state.contains(.keep)
        isPaused = wire.state.contains(.paused)
        isRemoved = wire.state.contains(.removed)
        closesWithLastSender = wire.state.contains(.closeWithLastSender)
        failsWithLastReceiver = wire.state.contains(.failWithLastReceiver)
        sendReady = wire.state.contains(.sendReady)
        receiveReady = wire.state.contains(.receiveReady)
        typeTag = wire.typeTag.isEmpty ? nil : wire.typeTag
    }

    /// A channel inside the process: it belongs to nobody and has no bytes.
    init(_ snapshot: ChannelSnapshot) {
        name = snapshot.name
        generation = snapshot.generation
        capacity = ChannelCapacity(wire: snapshot.capacity)
        length = snapshot.queued
        queuedBytes = 0
        unsettled = snapshot.unsettled
        ahead = snapshot.ahead
        leased = snapshot.leased
        setAside = Int(snapshot.setAside)
        accepted = snapshot.accepted
        settled = snapshot.settled
        delivered = snapshot.delivered
        maxBytes = 0
        waitingSends = Int(snapshot.sendWaiters)
        waitingReceives = Int(snapshot.receiveWaiters)
        senders = Int(snapshot.sendHandles)
        receivers = Int(snapshot.receiveHandles)
        owner = snapshot.owner
        group = snapshot.group
        mode = snapshot.mode
        isClosed = snapshot.isClosed
        let reason = snapshot.closeReason
        closeReason = isClosed ? CloseReason(code: reason.code, reason.text) : nil
        isKept = snapshot.isKept
        isPaused = snapshot.isPaused
        isRemoved = snapshot.isRemoved
        closesWithLastSender = snapshot.closesWithLastSender
        failsWithLastReceiver = snapshot.failsWithLastReceiver
        sendReady = snapshot.isSendReady
        receiveReady = snapshot.isReceiveReady
        typeTag = snapshot.typeTag
    }

    /// Reads an INSPECTED frame.
    init(answer frame: AnswerFrame) throws(WireFault) {
        try frame.expect(.inspected)
        var reader = WireReader(frame.body)
        self.init(try ChanWire.ChannelStatus(reading: &reader))
    }
}
