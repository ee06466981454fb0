// SPDX-License-Identifier: Apache-2.0

import CChanSystem

/// Forced failures of system calls, for tests.
///
/// A plan concerns the thread that runs under it and the threads that thread starts with ``NativeThread``, so tests
/// that run in parallel don't disturb each other. To try a piece of code with every single call failing, run it once
/// under an empty plan, ask the plan how many calls of a kind there were, and run it again for n from 1 to that.
/// Costs one relaxed load per call in a process that has no plan.
public final class SystemFaults: Sendable {
    /// One forced failure: the calls of a kind from the n-th on, for a number of times.
    public struct Fault: Sendable, Hashable {
        /// The kind of call.
        public let call: SystemCall
        /// The first call to fail, counting from 1.
        public let nth: Int
        /// How many calls in a row fail.
        public let times: Int
        /// The error number they fail with.
        public let errno: Int32

        /// Plans a failure of the n-th call of a kind, and of those after it if `times` is more than one.
        public init(_ call: SystemCall, nth: Int = 1, times: Int = 1, errno: Int32) {
            self.call = call
            self.nth = nth
            self.times = times
            self.errno = errno
        }
    }

    private struct State {
        var faults: [Fault]
        var counts: [SystemCall: Int] = [:]
        var forced = 0
    }

    private let state: Lock<State>

    /// Makes a plan; without faults it only counts.
    public init(_ faults: [Fault] = []) {
        state = Lock(State(faults: faults))
        chan_faults_count(1)
    }

    deinit { chan_faults_count(-1) }

    /// Runs a body on this thread with one planned failure.
    public static func fail<Result, Failure: Error>(
        _ call: SystemCall, nth: Int = 1, times: Int = 1, errno: Int32,
        during body: () throws(Failure) -> Result
    ) throws(Failure) -> Result {
        try SystemFaults([Fault(call, nth: nth, times: times, errno: errno)]).run(body)
    }

    /// Runs a body on this thread under the plan; the plan before it, if any, holds again afterwards.
    public func run<Result, Failure: Error>(_ body: () throws(Failure) -> Result) throws(Failure) -> Result {
        let before = chan_faults_current()
        chan_faults_set_current(Unmanaged.passUnretained(self).toOpaque())
        defer { chan_faults_set_current(before) }
        return try body()
    }

    /// How many calls of a kind were made under the plan, failed ones included.
    public func count(_ call: SystemCall) -> Int { state.withLock { $0.counts[call, default: 0] } }

    /// How many calls were made to fail.
    public var forced: Int { state.withLock { $0.forced } }

    /// The plan of the calling thread.
    static var current: SystemFaults? {
        guard chan_faults_armed() != 0, let pointer = chan_faults_current() else { return nil }
        return Unmanaged<SystemFaults>.fromOpaque(pointer).takeUnretainedValue()
    }

    /// Counts a call and says what it shall fail with, if at all.
    @inline(never)
    static func next(_ call: SystemCall) -> Int32? { current?.take(call) }

    private func take(_ call: SystemCall) -> Int32? {
        state.withLock { state -> Int32? in
            let number = state.counts[call, default: 0] + 1
            state.counts[call] = number
            let hit = state.faults.first {
                $0.call == call && number >= $0.nth && number - $0.nth < $0.times
            }
            if hit != nil { state.forced += 1 }
            return hit?.errno
        }
    }
}
