// SPDX-License-Identifier: Apache-2.0

import ChanSystem

/// Tasks that selects wait for: a channel for each, which is closed when the task ends, so that any number can wait.
enum TaskEnds {
    private struct WeakHandle {
        weak var handle: LocalHandle?
    }

    private static let ends = Lock<[AnyHashable: WeakHandle]>([:])

    /// The channel of a task.
    static func channel<Success, Failure>(of task: Task<Success, Failure>) -> LocalHandle {
        if let known = ends.withLock({ $0[task]?.handle }) { return known }
        let channel = Chan<Never>().near
        ends.withLock { $0[task] = WeakHandle(handle: channel) }
        // Runs to its end here where the task has ended; holds the channel otherwise, so that one waits for each task.
        Task.immediateDetached {
            _ = await task.result
            _ = try? channel.close(CloseReason())
            ends.withLock { ends in
                if ends[task]?.handle === channel { ends[task] = nil }
            }
        }
        return channel
    }
}
