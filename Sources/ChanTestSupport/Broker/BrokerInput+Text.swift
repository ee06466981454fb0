// SPDX-License-Identifier: Apache-2.0

import ChanCore

extension BrokerInput: CustomStringConvertible {
    /// One line that a person can read and type again.
    public var description: String {
        switch self {
        case .begin(let label, let identity):
            return
                "s\(label) begins as uid \(identity.uid)\(identity.isAdministrator ? ", administrator" : "")"
        case .end(let session): return "s\(session) ends"
        case .open(let session, let label, let options):
            return "s\(session) h\(label) = open \(text(options))"
        case .remove(let session, let name): return "s\(session) remove \(name)"
        case .send(let session, let request, let handle, let messages, let timeout):
            let bodies = messages.map { String($0.body) }.joined(separator: ",")
            return "s\(session) r\(request): send h\(handle) \(bodies)\(text(timeout))"
        case .receive(let session, let request, let handle, let count, let timeout, let drained):
            return "s\(session) r\(request): receive h\(handle)\(count == 1 ? "" : " up to \(count)")"
                + "\(drained ? " until drained" : "")\(text(timeout))"
        case .readAhead(let session, let request, let handle, let limit, let timeout, let drained, let terms):
            return "s\(session) r\(request): receive h\(handle) ahead by \(limit)"
                + (terms.map { " leased for \($0.nanoseconds), \($0.attemptLimit) attempts" } ?? "")
                + "\(drained ? " until drained" : "")\(text(timeout))"
        case .select(let session, let request, let cases, let ordered, let timeout):
            return "s\(session) r\(request): select\(ordered ? " in order" : "") "
                + "\(text(cases))\(text(timeout))"
        case .selectSeveral(let session, let request, let cases, let ordered, let timeout, let limit):
            return "s\(session) r\(request): \(limit) selects\(ordered ? " in order" : "") "
                + "\(text(cases))\(text(timeout))"
        case .cancel(let session, let request): return "s\(session) cancel r\(request)"
        case .close(let session, let handle, let reason):
            return "s\(session) close h\(handle)"
                + (reason == CloseReason() ? "" : " saying \(reason.code) \(reason.text)")
        case .closeHandle(let session, let handle): return "s\(session) close the handle h\(handle)"
        case .stop(let session, let handle): return "s\(session) stop h\(handle)"
        case .settle(let session, let handle, let first, let count):
            return "s\(session) settle h\(handle) \(first) to \(first &+ UInt64(count) &- 1)"
        case .giveBack(let session, let handle, let first, let count, let seen):
            return "s\(session) give back h\(handle) \(first) to \(first &+ UInt64(count) &- 1)"
                + (seen ? " seen" : " unseen")
        case .sendConfirmed(let session, let request, let handle, let messages, let timeout, let confirm):
            let bodies = messages.map { String($0.body) }.joined(separator: ",")
            return
                "s\(session) r\(request): send h\(handle) \(bodies) confirmed by \(confirm)\(text(timeout))"
        case .lease(let session, let request, let handle, let count, let timeout, let drained, let terms):
            return "s\(session) r\(request): lease h\(handle)\(count == 1 ? "" : " up to \(count)")"
                + " for \(terms.nanoseconds), \(terms.attemptLimit) attempts, dead letters \"\(terms.deadLetter)\""
                + "\(drained ? " until drained" : "")\(text(timeout))"
        case .receipt(let session, let handle, let first, let count):
            return "s\(session) has h\(handle) \(first) to \(first &+ UInt64(count) &- 1)"
        case .giveUp(let session, let handle, let delivery, let target):
            return "s\(session) gives up h\(handle) \(delivery), dead letters \"\(target)\""
        case .finishLease(let session, let handle, let delivery, let back):
            return "s\(session) \(back ? "returns" : "finishes") the lease h\(handle) \(delivery)"
        case .extendLease(let session, let handle, let delivery, let nanoseconds):
            return "s\(session) extends the lease h\(handle) \(delivery) by \(nanoseconds)"
        case .restore(let session, let name): return "s\(session) restore \(name)"
        case .purge(let session, let name, let last, let limit):
            return "s\(session) purge \(name) up to message \(last), \(limit) at most"
        case .pause(let session, let name, let isPaused):
            return "s\(session) \(isPaused ? "pause" : "resume") \(name)"
        case .wait(let session, let request, let handle, let name, let condition, let timeout):
            return
                "s\(session) r\(request): wait on \(handle.map { "h\($0)" } ?? name) until \(condition)\(text(timeout))"
        case .advance(let time): return "time is \(time)"
        case .sweep: return "a turn ends"
        }
    }

    private func text(_ cases: [CaseInput]) -> String {
        let text = cases.map { candidate in
            switch candidate.kind {
            case .never: "never"
            case .receive: "receive h\(candidate.handle)\(candidate.untilDrained ? " until drained" : "")"
            case .send: "send h\(candidate.handle) \(candidate.message?.body ?? 0)"
            }
        }
        return "{\(text.joined(separator: "; "))}"
    }

    private func text(_ timeout: Int64) -> String {
        timeout < 0 ? "" : timeout == 0 ? ", try" : ", within \(timeout)"
    }

    private func text(_ options: OpenOptions) -> String {
        var words = ["\"\(options.name)\""]
        if options.role.isEmpty { words.append("without role") }
        if options.role.contains(.send) { words.append("send") }
        if options.role.contains(.receive) { words.append("receive") }
        if let capacity = options.capacity { words.append("capacity \(capacity)") }
        if let tag = options.typeTag { words.append("type \(tag)") }
        if let value = options.closeWithLastSender { words.append("close-with-last-sender \(value)") }
        if let value = options.maxBytes { words.append("max-bytes \(value)") }
        if let value = options.failWithLastReceiver { words.append("fail-with-last-receiver \(value)") }
        if let mode = options.mode { words.append("mode 0\(String(mode, radix: 8))") }
        if let owner = options.owner { words.append("owner \(owner)") }
        if let group = options.group { words.append("group \(group)") }
        if options.mustCreate { words.append("must-create") }
        if options.mustExist { words.append("must-exist") }
        if options.keep { words.append("keep") }
        return words.joined(separator: " ")
    }
}
