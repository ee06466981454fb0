// SPDX-License-Identifier: Apache-2.0

public import ChanCore

/// A broker for tests that tell a story: requests have outcomes, and everything that must always hold is
/// checked after every step.
public final class BrokerScene {
    /// How a request stands.
    public enum Outcome: Equatable, Sendable {
        /// It waits.
        case waiting
        /// Its messages are committed.
        case sent
        /// The send case of this index won.
        case selected(Int)
        /// The state that was waited for is there, with what a close said.
        case waited(CloseReason)
        /// These bodies came, by a receive or by a case of a select.
        case received([UInt64], by: Int = 0)
        /// It ended without success.
        case failed(FailureKind, by: Int? = nil)
    }

    /// A handle with its session.
    public struct Port: Hashable, Sendable {
        /// The session.
        public var session: UInt32
        /// The handle's number there.
        public var handle: UInt32

        /// Makes a port.
        public init(session: UInt32, handle: UInt32) {
            self.session = session
            self.handle = handle
        }
    }

    /// The broker with its recorder.
    public var engine: BrokerEngine
    private var time = ManualTime()
    private var outcomes: [UInt64: BrokerEvent] = [:]
    private var parts: [UInt64: [BrokerEvent]] = [:]
    private var nextRequest: UInt64 = 1
    private let report: (String) -> Void

    /// Makes a broker without channels; `report` is told of everything that must never be.
    public init(
        seed: UInt64 = 1, limits: BrokerLimits = BrokerLimits(), spaces: [Space] = [],
        report: @escaping (String) -> Void
    ) {
        engine = BrokerEngine(seed: seed, limits: limits, spaces: spaces)
        self.report = report
    }

    /// Applies an input and ends the turn, checking after each step the invariants and that no request has two
    /// outcomes.
    @discardableResult
    public func apply(_ input: BrokerInput) -> BrokerReply {
        let reply = step(input)
        while engine.broker.needsSweep { step(.sweep) }
        return reply
    }

    @discardableResult
    private func step(_ input: BrokerInput) -> BrokerReply {
        let reply = engine.apply(input)
        for event in engine.events {
            if outcomes[event.request] != nil { report("a second outcome: \(event)") }
            if event.isPart {
                parts[event.request, default: []].append(event)
            } else {
                outcomes[event.request] = event
            }
        }
        if let fault = engine.fault { report(fault) }
        do {
            try engine.broker.checkInvariants()
        } catch {
            report("after \(input): \(error.description)")
        }
        return reply
    }

    // MARK: Sessions and channels

    /// A client connects.
    public func client(
        uid: UInt32 = 1000, gid: UInt32 = 100, groups: [UInt32] = [], pid: UInt32 = 1,
        administrator: Bool = false
    ) -> UInt32 {
        let identity = Identity(
            uid: uid, gid: gid, groups: groups, pid: pid, isAdministrator: administrator)
        guard case .session(let session) = apply(.begin(label: 0, identity)) else { return .max }
        return session
    }

    /// A client is gone.
    public func end(_ session: UInt32) { apply(.end(session: session)) }

    /// Opens with what `state` states.
    public func tryOpen(
        _ session: UInt32, _ name: String, role: Role = .both, _ state: (inout OpenOptions) -> Void = { _ in }
    ) -> Result<OpenedChannel, Failure> {
        var options = OpenOptions(name: name, role: role)
        state(&options)
        guard case .opened(let result) = apply(.open(session: session, label: 0, options)) else {
            return .failure(Failure(.invalidArgument))
        }
        return result
    }

    /// Opens, or throws why not.
    public func open(
        _ session: UInt32, _ name: String, capacity: Int64? = nil, role: Role = .both,
        _ state: (inout OpenOptions) -> Void = { _ in }
    ) throws(Failure) -> Port {
        let result = tryOpen(session, name, role: role) {
            $0.capacity = capacity
            state(&$0)
        }
        return Port(session: session, handle: try result.get().handle)
    }

    /// Removes a name; nil for success.
    public func remove(_ session: UInt32, _ name: String) -> Failure? {
        guard case .done(let failure) = apply(.remove(session: session, name: name)) else { return nil }
        return failure
    }

    /// Closes the channel; says whether this call did, or nil for a failure.
    @discardableResult
    public func close(_ port: Port, _ reason: CloseReason = CloseReason()) -> Bool? {
        guard
            case .closed(.success(let first)) =
                apply(.close(session: port.session, handle: port.handle, reason))
        else { return nil }
        return first
    }

    /// Closes the handle; nil for success.
    @discardableResult
    public func closeHandle(_ port: Port) -> Failure? {
        guard case .done(let failure) = apply(.closeHandle(session: port.session, handle: port.handle)) else {
            return nil
        }
        return failure
    }

    /// Takes the receive role away; nil for success.
    @discardableResult
    public func stop(_ port: Port) -> Failure? {
        guard case .done(let failure) = apply(.stop(session: port.session, handle: port.handle)) else {
            return nil
        }
        return failure
    }

    /// The channel of a handle as it is now.
    public func state(_ port: Port) throws(Failure) -> ChannelSnapshot {
        try engine.broker.snapshot(session: port.session, handle: port.handle).get()
    }

    // MARK: Operations

    private func request() -> UInt64 {
        defer { nextRequest += 1 }
        return nextRequest
    }

    /// Sends one message or a batch; returns the request.
    @discardableResult
    public func send(_ port: Port, _ bodies: UInt64..., timeout: Int64 = -1) -> UInt64 {
        send(port, bodies.map { SentMessage($0) }, timeout: timeout)
    }

    /// Sends messages of their own sizes; returns the request.
    @discardableResult
    public func send(_ port: Port, _ messages: [SentMessage], timeout: Int64 = -1) -> UInt64 {
        let request = request()
        apply(
            .send(
                session: port.session, request: request, handle: port.handle, messages, timeout: timeout))
        return request
    }

    /// Sends one message that passes channels, each by a handle of the same session; returns the request.
    @discardableResult
    public func send(
        _ port: Port, _ body: UInt64, passing ports: [(port: Port, role: Role)], timeout: Int64 = -1
    ) -> UInt64 {
        let listings = ports.map { Listing(handle: $0.port.handle, role: $0.role) }
        return send(port, [SentMessage(body, passing: listings)], timeout: timeout)
    }

    /// Makes an unnamed channel; its name and a handle on it.
    public func unnamed(
        _ session: UInt32, capacity: Int64? = nil, role: Role = .both,
        _ state: (inout OpenOptions) -> Void = { _ in }
    ) throws(Failure) -> (port: Port, name: String) {
        let result = tryOpen(session, "$", role: role) {
            $0.capacity = capacity
            state(&$0)
        }
        let opened = try result.get()
        return (Port(session: session, handle: opened.handle), opened.name)
    }

    /// Receives; returns the request.
    @discardableResult
    public func receive(
        _ port: Port, upTo count: UInt32 = 1, timeout: Int64 = -1, untilDrained: Bool = false
    ) -> UInt64 {
        let request = request()
        apply(
            .receive(
                session: port.session, request: request, handle: port.handle, count: count, timeout: timeout,
                untilDrained: untilDrained))
        return request
    }

    /// Selects; returns the request.
    @discardableResult
    public func select(
        _ session: UInt32, _ cases: [CaseInput], ordered: Bool = false, timeout: Int64 = -1
    ) -> UInt64 {
        let request = request()
        apply(
            .select(session: session, request: request, cases, ordered: ordered, timeout: timeout))
        return request
    }

    /// Waits for a state of a handle's channel; returns the request.
    @discardableResult
    public func wait(_ port: Port, until condition: WaitCondition, timeout: Int64 = -1) -> UInt64 {
        let request = request()
        apply(
            .wait(
                session: port.session, request: request, handle: port.handle, name: "", condition,
                timeout: timeout))
        return request
    }

    /// Waits for a state of the channel of that name; returns the request.
    @discardableResult
    public func wait(
        _ session: UInt32, _ name: String, until condition: WaitCondition, timeout: Int64 = -1
    ) -> UInt64 {
        let request = request()
        apply(
            .wait(session: session, request: request, handle: nil, name: name, condition, timeout: timeout))
        return request
    }

    /// Receives ahead, by default without lease; returns the request.
    @discardableResult
    public func readAhead(
        _ port: Port, _ limit: UInt32, timeout: Int64 = -1, untilDrained: Bool = false,
        terms: LeaseTerms? = nil
    ) -> UInt64 {
        let request = request()
        apply(
            .readAhead(
                session: port.session, request: request, handle: port.handle, limit: limit, timeout: timeout,
                untilDrained: untilDrained, terms))
        return request
    }

    /// Selects up to `limit` times in one turn; returns the request.
    @discardableResult
    public func select(
        _ session: UInt32, _ cases: [CaseInput], upTo limit: UInt32, ordered: Bool = false,
        timeout: Int64 = -1
    ) -> UInt64 {
        let request = request()
        apply(
            .selectSeveral(
                session: session, request: request, cases, ordered: ordered, timeout: timeout, limit: limit))
        return request
    }

    /// Withdraws a request.
    public func cancel(_ session: UInt32, _ request: UInt64) {
        apply(.cancel(session: session, request: request))
    }

    /// Is done with deliveries; false where a number was never given out.
    @discardableResult
    public func settle(_ port: Port, _ first: UInt64, count: UInt32 = 1) -> Bool {
        apply(.settle(session: port.session, handle: port.handle, first: first, count: count))
            == .known(true)
    }

    /// Returns deliveries; false where a number was never given out.
    @discardableResult
    public func giveBack(_ port: Port, _ first: UInt64, count: UInt32 = 1, seen: Bool = false) -> Bool {
        apply(
            .giveBack(session: port.session, handle: port.handle, first: first, count: count, seen: seen))
            == .known(true)
    }

    /// Sends and waits beyond the commit; returns the request.
    @discardableResult
    public func send(_ port: Port, _ bodies: UInt64..., confirm: Confirm, timeout: Int64 = -1) -> UInt64 {
        let request = request()
        apply(
            .sendConfirmed(
                session: port.session, request: request, handle: port.handle,
                bodies.map { SentMessage($0) }, timeout: timeout, confirm))
        return request
    }

    /// Receives under a lease; returns the request.
    @discardableResult
    public func lease(
        _ port: Port, upTo count: UInt32 = 1, for nanoseconds: UInt64 = 0, attempts: UInt16 = 0,
        deadLetter: String = "", timeout: Int64 = -1, untilDrained: Bool = false
    ) -> UInt64 {
        let request = request()
        let terms = LeaseTerms(nanoseconds: nanoseconds, attemptLimit: attempts, deadLetter: deadLetter)
        apply(
            .lease(
                session: port.session, request: request, handle: port.handle, count: count, timeout: timeout,
                untilDrained: untilDrained, terms))
        return request
    }

    /// Has deliveries; false where a number was never given out.
    @discardableResult
    public func receipt(_ port: Port, _ first: UInt64, count: UInt32 = 1) -> Bool {
        apply(.receipt(session: port.session, handle: port.handle, first: first, count: count))
            == .known(true)
    }

    private func failure(_ input: BrokerInput) -> FailureKind? {
        guard case .done(let failure) = apply(input) else { return nil }
        return failure?.kind
    }

    /// Can do nothing with a delivery; false where it was never given out.
    @discardableResult
    public func giveUp(_ port: Port, _ delivery: UInt64, deadLetter: String = "") -> Bool {
        apply(
            .giveUp(session: port.session, handle: port.handle, delivery: delivery, deadLetter: deadLetter))
            == .known(true)
    }

    /// Is done with a leased delivery; nil for success.
    @discardableResult
    public func finish(_ port: Port, _ delivery: UInt64) -> FailureKind? {
        failure(
            .finishLease(
                session: port.session, handle: port.handle, delivery: delivery, givingBack: false))
    }

    /// Returns a leased delivery; nil for success.
    @discardableResult
    public func returnLease(_ port: Port, _ delivery: UInt64) -> FailureKind? {
        failure(
            .finishLease(session: port.session, handle: port.handle, delivery: delivery, givingBack: true))
    }

    /// Holds a leased delivery for `nanoseconds` from now on; nil for success.
    @discardableResult
    public func extend(_ port: Port, _ delivery: UInt64, for nanoseconds: UInt64) -> FailureKind? {
        failure(
            .extendLease(
                session: port.session, handle: port.handle, delivery: delivery, nanoseconds: nanoseconds))
    }

    /// Puts back what is set aside; how many, or why none.
    @discardableResult
    public func restore(_ session: UInt32, _ name: String) -> Result<UInt32, Failure> {
        guard case .restored(let result) = apply(.restore(session: session, name: name)) else {
            return .success(0)
        }
        return result
    }

    /// Discards what is queued or set aside; how many, or why none.
    public func purge(
        _ session: UInt32, _ name: String, last: UInt64 = 0, limit: Int = 1000
    ) -> Result<PurgedPart, Failure> {
        guard case .purged(let result) = apply(.purge(session: session, name: name, last: last, limit: limit))
        else { return .success(PurgedPart(count: 0, next: 0)) }
        return result
    }

    /// The bodies that lie in a channel from a number on, and the number to go on from.
    public func peek(
        _ session: UInt32, _ name: String, from number: UInt64 = 0, count: Int = 1000, byteCount: Int = .max
    ) -> Result<PeekedPart, Failure> {
        var messages: [QueuedMessage<UInt64>] = []
        let next = engine.broker.peek(
            session: session, name: name, from: number, count: count, byteCount: byteCount
        ) { messages.append($0) }
        return next.map { PeekedPart(messages: messages, next: $0) }
    }

    /// What a look at a channel's messages showed.
    public struct PeekedPart {
        /// The messages.
        public var messages: [QueuedMessage<UInt64>]
        /// The number to go on from, 0 at the end.
        public var next: UInt64
        /// Their bodies.
        public var bodies: [UInt64] { messages.map(\.body) }
    }

    /// Holds all receives, or lets them go on; nil for success.
    @discardableResult
    public func pause(_ session: UInt32, _ name: String, _ isPaused: Bool = true) -> FailureKind? {
        failure(.pause(session: session, name: name, isPaused))
    }

    /// Lets time pass.
    public func wait(_ nanoseconds: UInt64) { apply(.advance(to: time.advance(by: nanoseconds))) }

    // MARK: Outcomes

    /// The event that ended a request; nil while it waits.
    public func event(_ request: UInt64) -> BrokerEvent? { outcomes[request] }

    /// How a request stands.
    public subscript(_ request: UInt64) -> Outcome {
        switch outcomes[request] {
        case nil: .waiting
        case .sent: .sent
        case .selected(_, _, let index): .selected(Int(index))
        case .delivered(_, _, let group, let messages):
            .received(messages.map(\.body), by: Int(group.caseIndex))
        case .waited(_, _, let reason): .waited(reason)
        case .failed(_, _, let failure): .failed(failure.kind, by: failure.caseIndex.map { Int($0) })
        }
    }

    /// Why a request failed; nil where it did not.
    public func failure(_ request: UInt64) -> Failure? { outcomes[request]?.failure }

    /// The messages that a request got, with their marks, in all its answers.
    public func messages(_ request: UInt64) -> [DeliveredMessage] {
        answers(request).flatMap { event -> [DeliveredMessage] in
            if case .delivered(_, _, _, let messages) = event { messages } else { [] }
        }
    }

    /// The bodies of those messages.
    public func bodies(_ request: UInt64) -> [UInt64] { messages(request).map(\.body) }

    /// Everything that a request was told, in order.
    public func answers(_ request: UInt64) -> [BrokerEvent] {
        (parts[request] ?? []) + [outcomes[request]].compactMap { $0 }
    }
}
