// SPDX-License-Identifier: Apache-2.0

public import ChanSystem

extension ChildProcess {
    /// Stops the process, and waits until none of its threads runs any more: the signal only asks for that.
    public func stop() throws {
        try kill(.stop)
        let tasks = "/proc/\(pid)/task"
        let deadline = Patience.deadline()
        while true {
            let states = try Files.names(in: tasks).map { name in
                String(decoding: try Files.read("\(tasks)/\(name)/stat"), as: UTF8.self)
            }
            // The state is the word behind the name, which is in parentheses.
            if states.allSatisfy({ $0.split(separator: ")").last?.hasPrefix(" T") == true }) { return }
            guard MonotonicClock.now() < deadline else { throw LiveFailure("it does not stop: \(states)") }
        }
    }
}
