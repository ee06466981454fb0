// SPDX-License-Identifier: Apache-2.0

public import ChanSystem

extension ChildProcess {
    /// Stops the process, and waits until none of its threads runs any more: the signal only asks for that.
    public func stop() throws {
        try kill(.stop)
        let deadline = Patience.deadline()
        while try !isEveryThread("T") {
            guard MonotonicClock.now() < deadline else { throw LiveFailure("it does not stop") }
        }
    }

    /// Whether no thread of it has anything to do at this moment.
    public func isAsleep() throws -> Bool { try isEveryThread("S") }

    private func isEveryThread(_ state: String) throws -> Bool {
        let tasks = "/proc/\(pid)/task"
        return try Files.names(in: tasks).allSatisfy { name in
            // The state is the word behind the name, which is in parentheses.
            let text = String(decoding: try Files.read("\(tasks)/\(name)/stat"), as: UTF8.self)
            return text.split(separator: ")").last?.hasPrefix(" \(state)") == true
        }
    }
}
