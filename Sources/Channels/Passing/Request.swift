// SPDX-License-Identifier: Apache-2.0

/// A question with the way back for its answer: request and response over channels.
///
/// ```swift
/// let requests = try await client.channel("add", capacity: 16, of: Request<[Int], Int>.self)
/// // Whoever asks:
/// let sum = try await requests.call([1, 2], timeout: .seconds(5))
/// // Whoever answers, in any number of processes:
/// for try await request in requests { try await request.reply(request.question.reduce(0, +)) }
/// ```
///
/// The answer comes over an unnamed channel of its own, whose only sender is the request: a server that dies, or lets
/// the request go without an answer, ends the call at once.
public struct Request<Question: Codable & Sendable, Answer: Codable & Sendable>: Codable, Sendable {
    /// What was asked.
    public let question: Question
    private let answers: Chan<Answer>.Sender

    fileprivate init(_ question: Question, answers: Chan<Answer>.Sender) {
        self.question = question
        self.answers = answers
    }

    /// Answers; a second answer is not heard.
    ///
    /// Does not wait for the caller. A leased request is answered after ``Lease/done()``.
    ///
    /// - Throws: ``ChandError`` with `noReceivers` where the caller waits no more: he was cancelled, his time ran out,
    ///   or he is gone. Mostly that can be ignored.
    public func reply(_ answer: Answer) async throws {
        do {
            guard try await answers.trySend(answer) else { throw isOver }
        } catch is ChannelClosed {
            throw isOver
        }
    }

    /// Refuses to answer: the call fails with ``ChannelClosed`` and the reason.
    ///
    /// - Parameter reason: why; a code or a text is to be given, since without it looks as if the request was let go.
    public func refuse(_ reason: CloseReason) async throws { try await answers.close(reason: reason) }

    private var isOver: ChandError {
        ChandError(.noReceivers, "the request was answered before, or refused", channel: answers.name)
    }
}

extension Chan {
    /// Sends a question, and waits for its answer.
    ///
    /// The question waits as any send does, and then the call until a server answers. Cancelling the task ends it in
    /// both; a server that answers then is told that nobody listens.
    ///
    /// - Parameters:
    ///   - question: what is asked.
    ///   - timeout: how long to wait, for the sending and the answer together; for ever where it is nil.
    /// - Returns: the answer.
    /// - Throws: ``ChandError`` with `noReply` if the server died, or let the request go, after it had received it, so
    ///   that it may or may not have acted on it, with `timeout`, or with another code as ``send(_:confirm:timeout:)``;
    ///   ``ChannelClosed`` where the channel is closed or the server refused; `CancellationError`.
    public func call<Question, Answer>(
        _ question: Question, timeout: Duration? = nil
    ) async throws -> Answer where Element == Request<Question, Answer> {
        let start = ContinuousClock.now
        let answers: Chan<Answer>.Receiver = try await ask(question, timeout: timeout)
        do {
            return try await answers.receive(
                timeout: timeout.map { $0 - (ContinuousClock.now - start) })
        } catch let closed as ChannelClosed where closed.reason.code == CloseReason.lastSenderGone {
            throw ChandError(.noReply, "whoever had the request is gone, or let it go", channel: name)
        }
    }

    /// Sends a question; with the return the request is the only sender of answers.
    private func ask<Question, Answer>(
        _ question: Question, timeout: Duration?
    ) async throws -> Chan<Answer>.Receiver where Element == Request<Question, Answer> {
        let ends: (sender: Chan<Answer>.Sender, receiver: Chan<Answer>.Receiver) = try await replyEnds()
        try await send(Request(question, answers: ends.sender), timeout: timeout)
        return ends.receiver
    }

    /// A channel for one answer, where the requests go too.
    private func replyEnds<Answer: Sendable>() async throws -> (
        sender: Chan<Answer>.Sender, receiver: Chan<Answer>.Receiver
    ) {
        switch backend {
        case .far(let remote):
            return try await remote.loop.unnamedEnds(
                1, try ElementCodec.chosen(),
                Unnamed(nil, closeWithLastSender: true, failWithLastReceiver: true))
        case .near:
            let store = ElementStore<Answer>(.process)
            let options = ChannelOptions(closeWithLastSender: true, failWithLastReceiver: true)
            let receiver = try LocalChannel(store, role: .receive, capacity: 1, options: options)
            let sender = try LocalChannel(store, role: .send, capacity: nil)
            return (Chan<Answer>(.near(sender)).sender, Chan<Answer>(.near(receiver)).receiver)
        }
    }
}
