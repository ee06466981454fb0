// SPDX-License-Identifier: Apache-2.0

import ChanSystem
import Testing

@testable import ChandServer

/// Two listening sockets, as the shipped units pass them.
struct DoorsTests {
    /// Otherwise the second one would stay shut until a restart, and a pause would not be one (P10).
    @Test(arguments: [1, 2]) func doorsThatCanNotBeWatchedAreTriedAgainTogether(failing nth: Int) throws {
        let directory = try Files.makeTemporaryDirectory(prefix: "chand-doors")
        defer { try? Files.removeTree(directory) }
        let first = try UnixSocket.listen(path: directory + "/first")
        let second = try UnixSocket.listen(path: directory + "/second")
        let poll = try EventPoll()
        var doors = try Doors(passed: [("first", first.descriptor), ("second", second.descriptor)])
        try doors.watch(poll)
        doors.pause(poll, now: 0)
        let plan = SystemFaults([.init(.epollCtl, nth: nth, errno: SystemError.noMemory)])
        try plan.run { () throws(SystemError) in doors.resume(poll) }
        #expect(plan.forced == 1 && doors.resumeAt != .max)
        let one = try UnixSocket.connect(path: first.path, timeoutMilliseconds: 1000)
        let other = try UnixSocket.connect(path: second.path, timeoutMilliseconds: 1000)
        var events = EventBuffer(capacity: 4)
        try poll.wait(into: &events, timeoutNanoseconds: 0)
        #expect(events.count == 0)
        doors.resume(poll)
        #expect(doors.resumeAt == .max)
        try poll.wait(into: &events, timeoutNanoseconds: 0)
        #expect(events.count == 2)
        _ = (one.raw, other.raw)
    }
}
