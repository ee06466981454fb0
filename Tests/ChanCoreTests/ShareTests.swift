// SPDX-License-Identifier: Apache-2.0

import ChanCore
import ChanTestSupport
import Testing

/// Rule 27: what others put into a user's channels is shared among them as dbus-broker shares.
@Suite struct ShareTests {
    private static let owner: UInt32 = 1000

    /// A scene in which a user has so much, and others may put as much into his channels.
    private func scene(messages: Int = 1024, bytes: Int = .max) -> BrokerScene {
        var limits = BrokerLimits()
        (limits.messagesPerUser, limits.bytesPerUser) = (messages, bytes)
        return ChanCoreTests.scene(limits: limits, spaces: [Space(name: "all", isOpenToAll: true)])
    }

    private func open(_ scene: BrokerScene, _ uid: UInt32, _ name: String = "/all/c") throws
        -> BrokerScene.Port
    {
        try scene.open(scene.client(uid: uid), name, capacity: Capacity.unbounded) {
            if uid == Self.owner { $0.mode = 0o666 }
        }
    }

    private func batch(_ count: Int, bytes: Int = 0) -> [SentMessage] {
        (0..<count).map { SentMessage(UInt64($0), byteCount: bytes) }
    }

    /// Sends one more than fits, then what fits.
    private func fill(_ scene: BrokerScene, _ port: BrokerScene.Port, _ count: Int) {
        let refused = scene.failure(scene.send(port, batch(count + 1)))
        #expect(refused?.kind == .quotaExceeded)
        #expect(refused?.text.contains("limit messages_per_user of uid 1000") == true)
        #expect(scene[scene.send(port, batch(count))] == .sent)
    }

    @Test("27 P14 of 1024 the first gets 512, the second 170, and 342 once the first is gone")
    func table() throws {
        let scene = scene()
        let owner = try open(scene, Self.owner)
        let (first, second) = (try open(scene, 1001), try open(scene, 1002))
        fill(scene, first, 512)
        fill(scene, second, 170)
        scene.receive(owner, upTo: 512)
        scene.settle(owner, 1, count: 512)
        fill(scene, second, 342)
        // The owner's own have no share: all that he may send is his.
        #expect(scene[scene.send(owner, batch(1024))] == .sent)
        #expect(scene[scene.send(owner, 1)] == .failed(.quotaExceeded))
    }

    @Test("27 the same of bytes; a message without any takes none")
    func bytes() throws {
        let scene = scene(bytes: 1024)
        _ = try open(scene, Self.owner)
        let (first, second) = (try open(scene, 1001), try open(scene, 1002))
        for (port, most) in [(first, 512), (second, 170)] {
            let refused = scene.failure(scene.send(port, batch(1, bytes: most + 1)))
            #expect(refused?.text.contains("limit bytes_per_user of uid 1000") == true)
            #expect(scene[scene.send(port, batch(1, bytes: most))] == .sent)
            #expect(scene[scene.send(port, batch(9))] == .sent)
        }
        let select = scene.select(
            first.session,
            [
                CaseInput(
                    kind: .send, handle: first.handle, untilDrained: false,
                    message: SentMessage(1, byteCount: 9))
            ])
        #expect(scene[select] == .failed(.quotaExceeded))
        #expect(scene.engine.broker.messageCount == 20)
    }

    @Test("27 what a session holds of several channels of one user counts together, those of another do not")
    func perOwner() throws {
        let scene = scene(messages: 8)
        _ = try open(scene, Self.owner)
        _ = try open(scene, Self.owner, "/all/d")
        let (one, other) = (try open(scene, 1001), try open(scene, 1001, "/all/d"))
        #expect(scene[scene.send(one, 1, 2, 3)] == .sent)
        #expect(scene[scene.send(other, 4, 5)] == .failed(.quotaExceeded))
        #expect(scene[scene.send(other, 4)] == .sent)
        #expect(scene[scene.send(try open(scene, 1001, "mine"), 1, 2, 3, 4)] == .sent)
    }

    @Test("27 a send that waits has its share already, and gives it back when it is withdrawn")
    func waiting() throws {
        let scene = scene(messages: 8)
        let owner = try scene.open(scene.client(uid: Self.owner), "/all/c", capacity: 0) { $0.mode = 0o666 }
        let port = try scene.open(scene.client(uid: 1001), "/all/c")
        let send = scene.send(port, 1, 2, 3, 4)
        #expect(scene[scene.send(port, 5)] == .failed(.quotaExceeded))
        scene.cancel(port.session, send)
        #expect(scene[scene.send(port, 5)] == .waiting)
        scene.end(port.session)
        scene.end(owner.session)
        #expect(scene.engine.broker.messageCount == 0)
    }

    @Test("27 who declares a channel bounds it himself: nobody's share counts there")
    func declared() throws {
        let scene = scene(messages: 8)
        var options = OpenOptions(name: "/all/jobs", role: .both)
        (options.owner, options.mode, options.capacity) = (7, 0o666, Capacity.unbounded)
        var sink = RecordingSink()
        #expect(scene.engine.broker.declare([DeclaredChannel(options)], into: &sink).isEmpty)
        let port = try open(scene, 1001, "/all/jobs")
        #expect(scene[scene.send(port, batch(8))] == .sent)
        #expect(scene[scene.send(port, 1)] == .failed(.quotaExceeded))
    }

    @Test("19 27 a dead letter goes where its sender has a share left, else it is set aside")
    func deadLetters() throws {
        let scene = scene(messages: 4)
        let source = try open(scene, 1001, "source")
        let letters = try open(scene, Self.owner, "/all/letters")
        scene.send(source, 1, 2, 3)
        scene.receive(source, upTo: 3)
        for delivery in 1...3 as ClosedRange<UInt64> {
            #expect(scene.giveUp(source, delivery, deadLetter: "/all/letters"))
        }
        #expect(try scene.state(letters).queued == 2)
        #expect(try scene.state(source).setAside == 1)
        scene.receive(letters, upTo: 2)
        scene.settle(letters, 1, count: 2)
        scene.restore(source.session, "source")
        scene.receive(source)
        #expect(scene.giveUp(source, 4, deadLetter: "/all/letters"))
        #expect(try scene.state(letters).queued == 1)
        // From one of the owner's channels into another nothing changes on his account.
        let more = try open(scene, Self.owner, "/all/more")
        scene.receive(letters)
        #expect(scene.giveUp(letters, 3, deadLetter: "/all/more"))
        #expect(try scene.state(more).queued == 1)
    }
}
