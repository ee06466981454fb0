// SPDX-License-Identifier: Apache-2.0

import ChanSystem

/// The messages that one read of standard input gave.
struct InputBatch: Sendable {
    let messages: [ArraySlice<UInt8>]
    /// What is wrong with what follows them.
    let fault: InputFault?
}

/// Reads standard input on a thread of its own, a few reads ahead of whoever sends what was read.
final class InputReader: Sendable {
    private struct State {
        var batches: [InputBatch] = []
        var isOver = false
        var failure: Failure?
        var isCancelled = false
        var waiter: UnsafeContinuation<InputBatch?, any Error>?
    }

    /// Reads that may wait to be sent: enough for reading and sending at the same time.
    private static let readsAhead = 4
    /// What a pipe holds.
    private static let readBytes = 64 << 10

    private let state = ConditionLock(State())

    /// Begins to read.
    static func start(_ splitter: InputSplitter, descriptor: Int32 = 0) throws -> InputReader {
        let reader = InputReader()
        _ = try NativeThread.start(name: "chanctl-input") { reader.run(splitter, descriptor) }
        return reader
    }

    /// The next read's messages, which may be none; nil at the end of the input.
    ///
    /// For one task at a time; cancelling it ends the waiting.
    func next() async throws -> InputBatch? {
        try await withTaskCancellationHandler {
            try await withUnsafeThrowingContinuation { continuation in
                let outcome = state.withLock { state -> Result<InputBatch?, any Error>? in
                    if state.isCancelled { return .failure(CancellationError()) }
                    if !state.batches.isEmpty { return .success(state.batches.removeFirst()) }
                    if let failure = state.failure { return .failure(failure) }
                    if state.isOver { return .success(nil) }
                    state.waiter = continuation
                    return nil
                }
                state.signal()
                if let outcome { continuation.resume(with: outcome) }
            }
        } onCancel: {
            abandon()
        }
    }

    /// Ends the waiting, now and later, as cancelling does.
    func abandon() {
        let waiter = state.withLock { state in
            state.isCancelled = true
            return state.waiter.take()
        }
        waiter?.resume(throwing: CancellationError())
    }

    // MARK: - The thread

    private func run(_ splitter: InputSplitter, _ descriptor: Int32) {
        var splitter = splitter
        while splitter.fault == nil {
            var result = IOResult.endOfFile
            let bytes = [UInt8](unsafeUninitializedCapacity: Self.readBytes) { buffer, count in
                result = Transfer.read(descriptor, into: UnsafeMutableRawBufferPointer(buffer))
                if case .bytes(let read) = result { count = read }
            }
            switch result {
            case .bytes:
                put(splitter.push(bytes), splitter.fault)
            case .wouldBlock:
                // Whoever else has the file open has made it non-blocking.
                do throws(SystemError) {
                    _ = try Transfer.wait(descriptor, for: .read)
                } catch {
                    return end(Self.failure(error.errno))
                }
            case .endOfFile:
                let rest = splitter.finish()
                if !rest.isEmpty || splitter.fault != nil { put(rest, splitter.fault) }
                return end(nil)
            case .failed(let errno):
                return end(Self.failure(errno))
            }
        }
        end(nil)
    }

    private static func failure(_ errno: Int32) -> Failure {
        Failure("input", "standard input: \(SystemError.text(errno))", exit: .failed)
    }

    /// Hands messages over; blocks while enough are waiting.
    private func put(_ messages: [ArraySlice<UInt8>], _ fault: InputFault?) {
        let batch = InputBatch(messages: messages, fault: fault)
        let waiter = state.wait { state -> UnsafeContinuation<InputBatch?, any Error>?? in
            if let waiter = state.waiter.take() { return .some(waiter) }
            guard state.batches.count < Self.readsAhead else { return nil }
            state.batches.append(batch)
            return .some(nil)
        }
        if let waiter, let waiter { waiter.resume(returning: batch) }
    }

    private func end(_ failure: Failure?) {
        let waiter = state.withLock { state in
            state.isOver = true
            state.failure = failure
            return state.waiter.take()
        }
        if let failure { waiter?.resume(throwing: failure) } else { waiter?.resume(returning: nil) }
    }
}
