// SPDX-License-Identifier: Apache-2.0

import ChanSystem
import ChanWire

/// A channel of a daemon with the codec of its elements.
final class RemoteChannel<Element: Sendable>: RemoteHandle, ChannelBackend, @unchecked Sendable {
    let codec: ElementCodec<Element>

    init(
        loop: ClientLoop, limits: DaemonLimits, opened: Opened, role: ChannelRole,
        codec: ElementCodec<Element>
    ) {
        self.codec = codec
        super.init(loop: loop, limits: limits, opened: opened, role: role)
    }

    var generation: UInt64 { opened.generation }
    var wasCreated: Bool { opened.created }
    var remote: RemoteChannel<Element>? { self }

    func send(_ element: Element, timeout: Int64) async throws -> Bool {
        let operation = SendOperation(self, timeout: timeout)
        let outcome = try await withTaskCancellationHandler {
            try await withUnsafeThrowingContinuation { continuation in
                operation.continuation = continuation
                loop.begin(operation) { writer in
                    var frame = SendFrame(self, timeout: timeout, in: &writer)
                    _ = try frame.add(element, codec, to: &writer)
                    frame.finish(in: &writer)
                }
            }
        } onCancel: {
            loop.cancel(operation)
        }
        guard case .wouldWait = outcome else { return true }
        return false
    }

    /// One SEND frame after the other, since the next one must not overtake what is left of this one; each
    /// as large as is good.
    func send(contentsOf elements: some Collection<Element>, timeout: Int64) async throws -> Int {
        let start = timeout > 0 ? MonotonicClock.now() : 0
        var rest = elements[...]
        var accepted = 0
        while !rest.isEmpty {
            let left = WireTime.remaining(of: timeout, since: start)
            let operation = SendOperation(self, timeout: left, acceptedBefore: accepted)
            let (outcome, next) = try await sendBatch(rest, operation, timeout: left)
            switch outcome {
            case .committed:
                accepted += rest.distance(from: rest.startIndex, to: next)
                rest = rest[next...]
            case .wouldWait(let count):
                accepted += count
                guard timeout == WireTimeout.none else { throw timedOut(accepted: accepted) }
                return accepted
            }
        }
        return accepted
    }

    private func sendBatch<Elements: Collection<Element>>(
        _ elements: Elements, _ operation: SendOperation, timeout: Int64
    ) async throws -> (SendOutcome, Elements.Index) {
        var index = elements.startIndex
        let outcome = try await withTaskCancellationHandler {
            try await withUnsafeThrowingContinuation { continuation in
                operation.continuation = continuation
                loop.begin(operation) { writer in
                    var frame = SendFrame(self, timeout: timeout, in: &writer)
                    while index != elements.endIndex, !frame.isFull(writer),
                        try frame.add(elements[index], codec, to: &writer)
                    {
                        elements.formIndex(after: &index)
                    }
                    frame.finish(in: &writer)
                }
            }
        } onCancel: {
            loop.cancel(operation)
        }
        return (outcome, index)
    }

    func receive(timeout: Int64) async throws -> Element? {
        let operation = SingleReceive(self, timeout: timeout)
        return try await withTaskCancellationHandler {
            try await withUnsafeThrowingContinuation { continuation in
                operation.continuation = continuation
                loop.begin(operation)
            }
        } onCancel: {
            loop.cancel(operation)
        }
    }

    func receive(upTo count: Int, timeout: Int64) async throws -> [Element] {
        let operation = BatchReceive(self, upTo: count, timeout: timeout)
        return try await withTaskCancellationHandler {
            try await withUnsafeThrowingContinuation { continuation in
                operation.continuation = continuation
                loop.begin(operation)
            }
        } onCancel: {
            loop.cancel(operation)
        }
    }

    /// Receives a batch that its taker decodes and settles.
    func receiveAhead(_ count: Int) async throws -> ReceivedBatch {
        let operation = ReadAheadReceive(self, count: count, timeout: WireTimeout.never)
        return try await withTaskCancellationHandler {
            try await withUnsafeThrowingContinuation { continuation in
                operation.continuation = continuation
                loop.begin(operation)
            }
        } onCancel: {
            loop.cancel(operation)
        }
    }

    func readAhead(_ count: Int) -> ReadAhead<Element> { ReadAhead(self, count: count) }

    private func timedOut(accepted: Int) -> ChandError {
        ChandError(.timeout, "the time given ran out", channel: name, accepted: accepted)
    }
}
