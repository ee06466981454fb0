// SPDX-License-Identifier: Apache-2.0

import ChanWire

/// Waits until one of the cases can proceed, does that one and no other, and runs its handler: Go's `select`.
///
/// ```swift
/// let line = try await select {
///     receive(from: jobs) { job in "got \(job)" }
///     send(1, to: counts) { "counted" }
///     timeout(.seconds(1)) { "nothing for a second" }
/// }
/// ```
///
/// Exactly one case commits, in one step of the daemon, also against selects of other processes (rule 8). Of
/// several that can proceed one is drawn at random (rule 9). The handler runs after the commit, where the caller
/// runs. Without cases it waits until the task is cancelled (rule 13).
///
/// Cancelling the task withdraws the whole select: either its result was committed first and is returned, or
/// it fails with `CancellationError` and had no effect (rule 22).
///
/// - Parameters:
///   - ordered: take the first of several cases that can proceed rather than a random one.
///   - cases: on channels of one daemon, the same channel more than once if wished; up to 1024.
/// - Returns: what the handler of the winning case returns.
/// - Throws: what that handler throws; ``ChannelClosed`` where the winning case's channel is closed and the case
///   has no handler for that; ``ChandError``; `CancellationError`.
public func select<Value>(
    ordered: Bool = false, @SelectBuilder<Value> _ cases: () -> [SelectCase<Value>]
) async throws -> Value {
    try await select(cases(), ordered: ordered)
}

/// The same over a list of cases.
///
/// With cases that have no handler the result says which one won:
///
/// ```swift
/// let winner = try await select([receive(from: a), send(1, to: b)])
/// switch winner.index { ... }
/// ```
public func select<Value>(_ cases: [SelectCase<Value>], ordered: Bool = false) async throws -> Value {
    // Closures, since making a key path of a generic type costs as much as the select.
    let actions = cases.map { $0.action }
    let winner = try await Selection(actions, timeout: WireTimeout.never, ordered: ordered).run()
    guard let winner else { preconditionFailure("a select without a limit of time ended for lack of time") }
    return try await cases[winner.index].finish(winner)
}

/// The same with a limit of time.
///
/// - Parameters:
///   - cases: as for ``select(ordered:_:)``.
///   - timeout: how long to wait; with zero or less nothing is waited for.
///   - ordered: take the first of several cases that can proceed rather than a random one.
/// - Returns: nil where the time ran out, in which case nothing happened. It loses a tie against a case that
///   can proceed (rule 10).
public func select<Value>(
    _ cases: [SelectCase<Value>], timeout: Duration, ordered: Bool = false
) async throws -> Value? {
    let time = WireTime.nanoseconds(timeout)
    let winner = try await Selection(cases.map { $0.action }, timeout: time, ordered: ordered).run()
    guard let winner else { return nil }
    return try await cases[winner.index].finish(winner)
}

/// The same without waiting.
///
/// - Returns: nil where no case could proceed, in which case nothing happened.
public func trySelect<Value>(_ cases: [SelectCase<Value>], ordered: Bool = false) async throws -> Value? {
    try await select(cases, timeout: .zero, ordered: ordered)
}

/// Selects several times in one turn, of receive cases only (rule 24): waits for the first as any select, and goes on
/// as long as a message is there, each drawn anew.
///
/// - Parameters:
///   - limit: the most selects, at least 1; the daemon ends it also after 1024, or some 256 KiB of messages.
///   - cases: receive cases without a handler, a timeout among them if wished.
///   - timeout: how long to wait for the first; for ever where it is nil.
///   - ordered: take the first of several cases that can proceed rather than a random one.
/// - Returns: the winners in order; none where `timeout` was reached. *Closed* is reported only by a first.
/// - Throws: ``ChandError``, with `invalidArgument` for a case that sends; `CancellationError`, in which case nothing
///   was received.
public func select(
    upTo limit: Int, _ cases: [SelectCase<SelectWinner>], timeout: Duration? = nil, ordered: Bool = false
) async throws -> [SelectWinner] {
    guard limit > 0 else { throw ChandError(.invalidArgument, "up to \(limit) selects") }
    for candidate in cases {
        let channel: String
        switch candidate.action {
        case .send(let handle, _): channel = handle.name
        case .sendNear(let handle, _): channel = handle.name
        case .never, .receive, .receiveNear, .source, .timeout, .otherwise: continue
        }
        throw ChandError(.invalidArgument, "several selects in one turn only receive", channel: channel)
    }
    return try await Selection(
        cases.map { $0.action }, timeout: WireTime.nanoseconds(timeout), ordered: ordered, limit: limit
    ).runSeveral()
}
