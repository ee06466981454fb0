// SPDX-License-Identifier: Apache-2.0

import ChanWire

/// A channel of a daemon with the codec of its elements.
///
/// Unchecked, as ``RemoteHandle``; the codec is constant.
@usableFromInline
final class RemoteChannel<Element: Sendable>: RemoteHandle, @unchecked Sendable {
    @usableFromInline let codec: ElementCodec<Element>

    init(
        loop: ClientLoop, opened: Opened, role: ChannelRole, codec: ElementCodec<Element>,
        reopening: OpenRequest? = nil, undecodable: UndecodableMessages = .giveBack
    ) {
        self.codec = codec
        super.init(
            loop: loop, opened: opened, role: role, reopening: reopening, session: loop.session.number,
            undecodable: undecodable)
    }

    /// A channel that a message passes; it can be used when that is settled.
    init(taking channel: OfferedChannel, of offer: ChannelOffer, codec: ElementCodec<Element>) {
        self.codec = codec
        let opened = Opened(
            handle: channel.handle, capacity: channel.capacity, generation: channel.generation,
            created: false,
            closed: false, name: channel.name)
        super.init(
            loop: offer.loop, opened: opened, role: ChannelRole(rawValue: channel.role.rawValue),
            session: offer.session, offer: offer)
    }

    /// Makes an operation that sends; its outcome is the number of messages committed.
    func sending(
        timeout: Int64, acceptedBefore: Int, confirm: SendConfirmation, pin: SessionPin? = nil
    ) -> SendOperation {
        let operation = SendOperation(
            self, timeout: timeout, acceptedBefore: acceptedBefore, confirm: confirm)
        operation.pin = pin
        return operation
    }

    /// Makes an operation that receives one element under a lease; its outcome is 0 or 1.
    func leasing(_ terms: WireLease, timeout: Int64) -> LeaseReceive<Element> {
        LeaseReceive(self, terms: terms, timeout: timeout)
    }

    /// Begins to send one element, for a task that is parked.
    func begin(_ operation: SendOperation, sending element: Element) {
        loop.begin(operation) { try write(element, for: operation, to: &$0) }
    }

    /// Writes the frame of a send of one element.
    func write(_ element: Element, for operation: SendOperation, to writer: inout MessageWriter) throws {
        var frame = SendFrame(operation, in: &writer)
        _ = try frame.add(element, codec, to: &writer)
        frame.finish(in: &writer)
    }

    /// Begins to send the first elements of a collection, as many as are good at a time; says where it stopped.
    func begin<Elements: Collection<Element>>(
        _ operation: SendOperation, sending elements: Elements
    ) -> Elements.Index {
        var index = elements.startIndex
        loop.begin(operation) { index = try write(first: elements, for: operation, to: &$0) }
        return index
    }

    /// Writes the frame of a send of the first elements, as many as are good at a time; says where it stopped.
    func write<Elements: Collection<Element>>(
        first elements: Elements, for operation: SendOperation, to writer: inout MessageWriter
    ) throws -> Elements.Index {
        var index = elements.startIndex
        var frame = SendFrame(operation, in: &writer)
        // Elements in one piece of memory, as an array's, are read where they lie.
        let count = try elements.withContiguousStorageIfAvailable { elements in
            try encode(elements, into: &frame, &writer)
        }
        if let count {
            index = elements.index(elements.startIndex, offsetBy: count)
        } else {
            while index != elements.endIndex, !frame.isFull(writer),
                try frame.add(elements[index], codec, to: &writer)
            {
                elements.formIndex(after: &index)
            }
        }
        frame.finish(in: &writer)
        return index
    }

    private func encode(
        _ elements: UnsafeBufferPointer<Element>, into frame: inout SendFrame, _ writer: inout MessageWriter
    ) throws -> Int {
        var count = 0
        while count < elements.count, !frame.isFull(writer),
            try frame.add(elements[count], codec, to: &writer)
        {
            count += 1
        }
        return count
    }

    /// Makes an operation that receives one element into memory for it; its outcome is 0 or 1.
    func receiving(into target: UnsafeMutableRawPointer, timeout: Int64) -> SingleReceive {
        SingleReceive(self, into: target, timeout: timeout)
    }

    /// Makes an operation that receives what is there, up to a count; its outcome is how many.
    func receiving(upTo count: Int, timeout: Int64) -> BatchReceive<Element> {
        BatchReceive(self, upTo: count, timeout: timeout)
    }

    /// Receives ahead of an iterator.
    func readAhead(_ count: Int) -> ReadAhead<Element> { ReadAhead(self, count: count) }

    override func decode(_ message: MessageBytes, into target: UnsafeMutableRawPointer) throws {
        target.assumingMemoryBound(to: Element.self).initialize(to: try codec.decode(message))
    }

    override func value(of message: MessageBytes) throws -> any Sendable { try codec.decode(message) }
}
