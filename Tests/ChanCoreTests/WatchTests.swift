// SPDX-License-Identifier: Apache-2.0

import ChanCore
import ChanTestSupport
import Testing

/// Waiting for a channel's state.
@Suite struct WatchTests {
    private static let over = BrokerScene.Outcome.waited(CloseReason())

    @Test("what holds already is answered at once, and a try of what does not fails")
    func atOnce() throws {
        let scene = scene()
        let (one, other) = try scene.pair(capacity: 3)
        scene.send(one, 1, 2)
        let there: [WaitCondition] = [.receivers(1), .senders(1), .queued(2), .queued(0)]
        for condition in there { #expect(scene[scene.wait(other, until: condition)] == Self.over) }
        let missing: [WaitCondition] = [.closed, .drained, .empty, .receivers(2), .senders(2), .queued(3)]
        for condition in missing {
            #expect(
                scene[scene.wait(one, until: condition, timeout: 0)] == .failed(.wouldBlock), "\(condition)")
        }
        #expect(scene.engine.broker.parkedCount == 0)
    }

    @Test("closed comes with the reason, drained after what is left is settled")
    func closed() throws {
        let scene = scene()
        let (one, other) = try scene.pair(capacity: 3)
        scene.send(one, 1)
        let closed = scene.wait(other, until: .closed)
        let drained = scene.wait(other, until: .drained)
        let empty = scene.wait(other, until: .empty)
        let many = scene.wait(other, until: .queued(2))
        #expect(scene[closed] == .waiting)
        let reason = CloseReason(code: 7, text: "enough")
        scene.close(one, reason)
        #expect(scene[closed] == .waited(reason))
        #expect(scene[many] == .failed(.closed))
        scene.receive(other)
        #expect(scene[drained] == .waiting)
        #expect(scene[empty] == .waiting)
        scene.settle(other, 1)
        #expect(scene[drained] == .waited(reason))
        #expect(scene[empty] == .waited(reason))
        #expect(scene[scene.wait(one, until: .closed)] == .waited(reason))
        #expect(scene[scene.wait(one, until: .queued(1))] == .failed(.closed))
    }

    @Test("others' handles are counted, not one's own; messages are counted as they come")
    func counts() throws {
        let scene = scene()
        let one = try scene.open(scene.client(), "c", capacity: 3)
        let receivers = scene.wait(one, until: .receivers(1))
        let senders = scene.wait(one, until: .senders(2))
        let queued = scene.wait(one, until: .queued(2))
        let receiver = try scene.open(scene.client(), "c", role: .receive)
        #expect(scene[receivers] == Self.over)
        _ = try scene.open(scene.client(), "c", role: .send)
        #expect(scene[senders] == .waiting)
        _ = try scene.open(receiver.session, "c", role: .send)
        #expect(scene[senders] == Self.over)
        scene.send(one, 1)
        #expect(scene[queued] == .waiting)
        scene.send(one, 2)
        #expect(scene[queued] == Self.over)
    }

    @Test("it times out, is cancelled, ends with its handle and its session, and counts as one waiter")
    func ends() throws {
        var limits = BrokerLimits()
        limits.waitersPerSession = 3
        let scene = scene(limits: limits)
        let (one, other) = try scene.pair(capacity: 3)
        let timed = scene.wait(one, until: .closed, timeout: 5)
        let cancelled = scene.wait(one, until: .closed)
        let left = scene.wait(one, until: .closed)
        #expect(scene[scene.wait(one, until: .closed)] == .failed(.quotaExceeded))
        scene.wait(5)
        #expect(scene[timed] == .failed(.timeout))
        scene.cancel(one.session, cancelled)
        #expect(scene[cancelled] == .failed(.cancelled))
        scene.closeHandle(one)
        #expect(scene[left] == .failed(.handleClosed))
        #expect(scene[scene.wait(one, until: .closed)] == .failed(.noSuchHandle))
        let gone = scene.wait(other, until: .closed)
        scene.end(other.session)
        #expect(scene[gone] == .waiting)
        #expect(scene.engine.broker.parkedCount == 0)
    }

    @Test("by name it holds nothing, and is told when the channel goes")
    func byName() throws {
        let scene = scene()
        let port = try scene.open(scene.client(), "c", capacity: 1)
        let watcher = scene.client()
        let receivers = scene.wait(watcher, "c", until: .receivers(2))
        let drained = scene.wait(watcher, "c", until: .drained)
        let empty = scene.wait(watcher, "c", until: .queued(1))
        scene.send(port, 1)
        #expect(scene[empty] == Self.over)
        scene.receive(port)
        scene.settle(port, 1)
        scene.closeHandle(port)
        #expect(scene[receivers] == .failed(.noSuchChannel))
        #expect(scene[drained] == .failed(.noSuchChannel))
        #expect(scene[scene.wait(watcher, "c", until: .closed)] == .failed(.noSuchChannel))
        let again = try scene.open(port.session, "c", capacity: 1)
        let over = scene.wait(watcher, "c", until: .drained)
        scene.close(again, CloseReason(text: "over"))
        scene.closeHandle(again)
        #expect(scene[over] == .waited(CloseReason(text: "over")))
        _ = try scene.open(port.session, "c")
        let stranger = scene.client(uid: 7, gid: 7)
        #expect(scene[scene.wait(stranger, "/uid/1000/c", until: .closed)] == .failed(.notPermitted))
    }
}
