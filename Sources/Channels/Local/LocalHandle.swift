// SPDX-License-Identifier: Apache-2.0

import ChanCore
import ChanSystem
import ChanWire
import Synchronization

/// A handle on a channel of the process, whatever its elements; closed when the last channel value with it goes.
///
/// Unchecked only because it has a subclass: everything in it is constant or atomic.
@usableFromInline
class LocalHandle: @unchecked Sendable {
    @usableFromInline final let space: LocalSpace
    /// Keeps the channel.
    final let anyStore: LocalStore
    final let opened: OpenedChannel
    final let role: ChannelRole
    private final let isReleased = Atomic<Bool>(false)

    /// Opens a handle on the channel of a store, which exists from its first handle on.
    init(_ store: LocalStore, role: ChannelRole, capacity: Int?, _ options: ChannelOptions) throws {
        space = store.space
        anyStore = store
        self.role = role
        var open = OpenOptions(name: store.name, role: Role(rawValue: role.rawValue))
        open.capacity = capacity.map { Int64($0) }
        open.closeWithLastSender = options.closeWithLastSender
        open.failWithLastReceiver = options.failWithLastReceiver
        let space = space
        // In a forked child a channel can be made, and every use of it says why that is all.
        let nothing = OpenedChannel(
            handle: 0, capacity: 0, generation: 0, created: false, closed: false, name: store.name)
        let result = space.perform(inChild: .success(nothing)) { state in
            state.broker.open(session: space.session, open, into: &state.sink)
        }
        do {
            opened = try result.get()
        } catch {
            throw LocalFailure.error(error, channel: store.name)
        }
    }

    deinit { closeHandle() }

    final var number: UInt32 { opened.handle }
    final var name: String { opened.name }

    /// Closes the handle, once.
    final func closeHandle() {
        guard !isReleased.exchange(true, ordering: .acquiringAndReleasing) else { return }
        space.perform { state in
            _ = state.broker.closeHandle(session: space.session, handle: number, into: &state.sink)
        }
    }

    /// Whether the handle's number may be another's by now; to be asked with the lock held.
    final var isClosed: Bool { isReleased.load(ordering: .acquiring) }

    // MARK: Operations, with the lock held

    /// Whether the handle is open; where it is not, the operation ends.
    final func isUsable(_ state: inout LocalSpace.State, _ request: UInt64) -> Bool {
        guard isClosed else { return true }
        state.sink.failed(session: space.session, request: request, failure: obstacle)
        return false
    }

    /// Begins a send of messages.
    final func send(
        _ chain: MessageChain, for operation: LocalOperation, as request: UInt64, _ confirm: SendConfirmation,
        _ state: inout LocalSpace.State
    ) {
        state.broker.send(
            session: space.session, request: request, handle: number, chain: chain,
            timeout: operation.timeout, confirm: confirm.core, into: &state.sink)
    }

    /// Begins a receive.
    final func begin(
        _ operation: LocalOperation, as request: UInt64, upTo count: Int,
        under terms: ChanCore.LeaseTerms? = nil, _ state: inout LocalSpace.State
    ) {
        guard isUsable(&state, request) else { return }
        state.broker.receive(
            session: space.session, request: request, handle: number, count: UInt32(clamping: count),
            timeout: operation.timeout, untilDrained: false, terms: terms, into: &state.sink)
    }

    // MARK: Outcomes

    /// How many messages a send that is over committed; 0 for a try that would have to wait.
    @usableFromInline
    final func accepted(_ operation: LocalOperation) throws -> Int {
        switch operation.outcome {
        case .done(let count): return count
        case .failed(let failure) where failure.kind == .wouldBlock: return Int(failure.accepted)
        case .failed(let failure): throw LocalFailure.error(failure, channel: name)
        case .pending: preconditionFailure("a send that is not over returned")
        }
    }

    /// Whether a receive that is over took something; not a try that would have to wait.
    @usableFromInline
    final func taken(_ operation: LocalOperation) throws -> Bool {
        switch operation.outcome {
        case .done: return true
        case .failed(let failure) where failure.kind == .wouldBlock: return false
        case .failed(let failure): throw LocalFailure.error(failure, channel: name)
        case .pending: preconditionFailure("a receive that is not over returned")
        }
    }

    // MARK: The channel

    /// How an operation on a handle that was released fails.
    final var obstacle: Failure { Failure(.noSuchHandle) }

    /// Gives up receiving.
    final func stop() throws {
        let failure: Failure? = space.perform(inChild: obstacle) { state in
            isClosed
                ? obstacle
                : state.broker.stop(session: space.session, handle: number, into: &state.sink)
        }
        if let failure { throw LocalFailure.error(failure, channel: name) }
    }

    /// Closes the channel; true if this call did.
    final func close(_ reason: CloseReason) throws -> Bool {
        let result = space.perform(inChild: .failure(obstacle)) { state in
            isClosed
                ? .failure(obstacle)
                : state.broker.close(
                    session: space.session, handle: number,
                    reason: ChanCore.CloseReason(code: reason.code, text: reason.text), into: &state.sink)
        }
        do {
            return try result.get()
        } catch {
            throw LocalFailure.error(error, channel: name)
        }
    }

    /// Puts back what was set aside; how many.
    final func restore() throws -> Int {
        let result = space.perform(inChild: .failure(obstacle)) { state in
            isClosed
                ? .failure(obstacle)
                : state.broker.restore(session: space.session, name: name, into: &state.sink)
        }
        do {
            return Int(try result.get())
        } catch {
            throw LocalFailure.error(error, channel: name)
        }
    }

    /// The channel's state.
    final func status() throws -> ChannelStatus {
        let result = space.perform(inChild: .failure(obstacle)) { state in
            isClosed
                ? .failure(obstacle) : state.broker.snapshot(session: space.session, handle: number)
        }
        do {
            return ChannelStatus(try result.get())
        } catch {
            throw LocalFailure.error(error, channel: name)
        }
    }
}

/// Turns what the broker of the process says into what the library throws, as from a daemon.
enum LocalFailure {
    static func error(_ failure: Failure, channel: String?, before accepted: Int = 0) -> any Error {
        if !LocalSpace.process.origin.isHere {
            return channel.map { ChandError.forked.about(channel: $0) } ?? .forked
        }
        var failed = Failed(
            .closed, accepted: failure.accepted, reason: failure.reason, text: failure.text)
        // The numbers are the same.
        failed.rawCode = UInt16(failure.kind.rawValue)
        return DaemonFailure.error(failed, channel: channel, before: accepted)
    }
}
