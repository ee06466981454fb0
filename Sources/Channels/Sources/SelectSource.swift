// SPDX-License-Identifier: Apache-2.0

import ChanSystem

/// Something else than a channel that a case can wait for.
///
/// Each select gets a channel of the process for it, whose case is one like any other: so exactly one commits.
struct SelectSource: Sendable {
    /// Where a select receives, and what has to be held until it is over.
    struct Armed {
        let handle: LocalHandle
        var watch: DescriptorWatch?
    }

    /// Begins to wait, for one select.
    let arm: @Sendable () throws -> Armed
    /// What the select is told, by what happened on the channel.
    var outcome: @Sendable (SelectWinner.Outcome) async -> SelectWinner.Outcome = { $0 }

    /// A task's end: the channel is closed then.
    static func end<Success, Failure>(of task: Task<Success, Failure>) -> SelectSource {
        SelectSource {
            Armed(handle: TaskEnds.channel(of: task))
        } outcome: { _ in
            switch await task.result {
            case .success(let value): .received(value)
            case .failure(let error): .failed(error)
            }
        }
    }

    /// A signal: the channel that all selects share.
    static func signal(_ number: Int32) -> SelectSource {
        SelectSource { Armed(handle: try SignalChannels.shared(number).channel.near) }
    }

    /// A descriptor that can be read from.
    static func readable(_ descriptor: Int32) -> SelectSource {
        watching("descriptor \(descriptor)") { () throws(SystemError) in
            // Files and the like are always ready, and can't be watched.
            try Transfer.wait(descriptor, for: .read, until: 0).isEmpty ? nil : .received(descriptor)
        } descriptor: { () throws(SystemError) in
            try Descriptor.duplicate(descriptor)
        } whenReady: {
            .received(descriptor)
        }
    }

    /// A child's end.
    static func exit(of pid: Int32) -> SelectSource {
        watching("process \(pid)") { () throws(SystemError) in
            try ChildProcess.status(of: pid).map { .received(ProcessStatus($0)) }
        } descriptor: { () throws(SystemError) in
            try ChildProcess.descriptor(of: pid)
        } whenReady: {
            do throws(SystemError) {
                if let status = try ChildProcess.status(of: pid) { return .received(ProcessStatus(status)) }
                return .failed(ChandError(.cannotWatch, "process \(pid) has ended, and does not say how"))
            } catch {
                return .failed(failure("process \(pid)", error))
            }
        }
    }

    private static func failure(_ what: String, _ error: SystemError) -> ChandError {
        ChandError(.cannotWatch, "\(what) can't be watched: \(error)", errno: error.errno)
    }

    /// Something that may be there already, and otherwise when a descriptor is ready.
    private static func watching(
        _ what: String, _ look: @escaping @Sendable () throws(SystemError) -> SelectWinner.Outcome?,
        descriptor: @escaping @Sendable () throws(SystemError) -> OwnedDescriptor,
        whenReady: @escaping @Sendable () -> SelectWinner.Outcome
    ) -> SelectSource {
        SelectSource {
            let (receiver, feed) = Feed.make(of: SelectWinner.Outcome.self)
            var armed = Armed(handle: receiver.channel.near)
            do {
                if let outcome = try look() {
                    feed.offer(outcome)
                } else {
                    armed.watch = try DescriptorWatcher.process().watch(descriptor()) {
                        feed.offer(whenReady())
                    }
                }
            } catch let error as SystemError {
                throw failure(what, error)
            }
            return armed
        } outcome: { outcome in
            guard case .received(let seen as SelectWinner.Outcome) = outcome else { return outcome }
            return seen
        }
    }
}

/// The sources of one select, and what waits for them until it is over.
struct ArmedSources {
    /// The select's cases, with channels in place of sources.
    private(set) var actions: [SelectAction]
    private var sources: [Int: (source: SelectSource, armed: SelectSource.Armed)] = [:]

    init(_ actions: [SelectAction]) throws {
        self.actions = actions
        for (index, action) in actions.enumerated() {
            guard case .source(let source) = action else { continue }
            let armed = try source.arm()
            sources[index] = (source, armed)
            self.actions[index] = .receiveNear(armed.handle)
        }
    }

    /// What the select is told in place of what happened on the channels.
    func outcomes(of winners: [SelectWinner]) async -> [SelectWinner] {
        var outcomes: [SelectWinner] = []
        for winner in winners {
            let outcome = await sources[winner.index]?.source.outcome(winner.outcome) ?? winner.outcome
            outcomes.append(SelectWinner(index: winner.index, outcome: outcome))
        }
        return outcomes
    }
}
