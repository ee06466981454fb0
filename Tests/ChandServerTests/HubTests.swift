// SPDX-License-Identifier: Apache-2.0

import ChanCore
import ChanSystem
import ChanWire
import Glibc
import Testing

@testable import ChandServer

/// A hub without sockets: what is left of it, whom it lets wait, and who may do what.
struct HubTests {
    private static func makeHub() -> Hub {
        Hub(
            limits: BrokerLimits(), spaces: [], maxMessageBytes: 1024, framesPerTurn: 16,
            outputHighWatermark: 64 << 10, inspectionsPerSecond: 1, seed: 1, instance: 1,
            checksInvariants: false)
    }

    /// A new connection, on which no call is made.
    private static func connect(to hub: inout Hub) -> Connection {
        let charge = hub.broker.beginConnection(uid: 5)
        return Connection(
            descriptor: OwnedDescriptor(taking: -1),
            credentials: PeerCredentials(uid: 5, gid: 5, pid: 1, groups: []),
            assembler: hub.makeAssembler(), charge: charge,
            account: hub.broker.account(ofConnection: charge))
    }

    /// The hub gets bytes of a connection; returns how many frames it ran.
    private static func give(
        _ bytes: [UInt8], of connection: Connection, to hub: inout Hub, isAdministrator: Bool = false
    ) throws -> Int {
        let before = hub.framesRun
        let identity = Identity(uid: 5, gid: 5, pid: 1, isAdministrator: isAdministrator)
        // Not in a closure of the bytes: the compiler does not get over one that has the hub.
        let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: bytes.count, alignment: 8)
        defer { memory.deallocate() }
        memory.copyBytes(from: bytes)
        try hub.receive(UnsafeRawBufferPointer(memory), from: connection, identity: { identity })
        return hub.framesRun - before
    }

    private static let hello = Hello(clientName: "hub-test").encoded()

    /// Whoever had all the pages that the rate allows has none on a new connection either, in the same write as HELLO.
    @Test func aNewConnectionWaitsForItsUsersPages() throws {
        var hub = Self.makeHub()
        hub.arrive(at: 1_000_000_000)
        var bytes = Self.hello
        for request in 1...7 as ClosedRange<UInt64> {
            bytes += ListRequest(count: 1).encoded(request: request)
        }
        let first = Self.connect(to: &hub)
        let atFirst = try Self.give(bytes, of: first, to: &hub)
        #expect(atFirst == 8)
        #expect(!first.mayRun)

        let second = Self.connect(to: &hub)
        let anew = try Self.give(bytes, of: second, to: &hub)
        // Its first page is what says that it asks for any.
        #expect(anew == 2)
        #expect(second.state == .greeted && !second.mayRun)
        let left = second.backlog.count
        #expect(left == 6 * (bytes.count - Self.hello.count) / 7)

        // An administrator has no rate.
        let other = Self.connect(to: &hub)
        let all = try Self.give(bytes, of: other, to: &hub, isAdministrator: true)
        #expect(all == 8)
        #expect(other.mayRun)

        hub.arrive(at: max(first.delayedUntil, second.delayedUntil))
        let released = hub.takeDelayed()
        #expect(released.count == 2)
        #expect(first.mayRun && second.mayRun)
    }

    /// A reload says anew who is an administrator, to sessions and to what they monitor (rule 28).
    @Test func whoIsAnAdministratorIsSaidAnew() throws {
        var hub = Self.makeHub()
        let connection = Self.connect(to: &hub)
        let monitor = SimpleFrame.name(.monitor, request: 1, name: "")
        let ran = try Self.give(Self.hello + monitor, of: connection, to: &hub, isAdministrator: true)
        #expect(ran == 2)
        for isAdministrator in [false, true] {
            hub.setAdministrator(isAdministrator, of: connection)
            let session = hub.broker.isAdministrator(session: connection.session)
            let monitors = hub.monitors.map(\.seesAll)
            #expect(session == isAdministrator)
            #expect(monitors == [isAdministrator])
        }
        hub.end(connection, nil)
        // Who is gone has no session to say it of.
        hub.setAdministrator(false, of: connection)
    }

    /// A user may ask for a look at a long chain with every turn: there is a pause after each (rule 26).
    @Test func looksForLostChannelsAreSpaced() throws {
        var hub = Self.makeHub()
        let start: UInt64 = 1_000_000_000
        hub.arrive(at: start)
        let connection = Self.connect(to: &hub)
        _ = try Self.give(Self.hello, of: connection, to: &hub)
        let session = connection.session
        var inner = try Self.openUnnamed(0, of: session, on: &hub)
        for request in 1..<200 as Range<UInt64> {
            inner = try Self.put(inner, of: session, into: request, on: &hub)
        }
        hub.advance(to: start)
        let due = hub.sweepDue
        #expect(due == .max, "nothing is left to look at")

        _ = try Self.put(inner, of: session, into: 200, on: &hub)
        hub.advance(to: start)
        let later = hub.sweepDue
        #expect(later >= start + 1_000_000 && later < .max)
        let atOnce = hub.mustSweep
        #expect(!atOnce)
        hub.arrive(at: later)
        let then = hub.mustSweep
        #expect(then)
        hub.advance(to: later)
        let last = hub.sweepDue
        #expect(last == .max)
        let left = hub.broker.channelCount
        #expect(left == 201)
    }

    private static func openUnnamed(
        _ request: UInt64, of session: UInt32, on hub: inout Hub
    ) throws -> UInt32 {
        var options = OpenOptions(name: "$", role: .both)
        options.capacity = 1
        let opened = hub.broker.open(
            session: session, options, entropy: (0, request), into: &hub.outbox)
        return try opened.get().handle
    }

    /// Sends the channel in a message of a new one, whose handle is returned, and lets its own handle go.
    private static func put(
        _ inner: UInt32, of session: UInt32, into request: UInt64, on hub: inout Hub
    ) throws -> UInt32 {
        let outer = try openUnnamed(request, of: session, on: &hub)
        var chain = MessageChain()
        let nothing = UnsafeRawBufferPointer(start: nil, count: 0)
        let body = MessageBody(copying: nothing, in: hub.outbox.bodies)
        hub.broker.append(body, byteCount: 0, to: &chain, session: session)
        let failure = hub.broker.pass([Listing(handle: inner, role: .both)], with: chain, session: session)
        #expect(failure == nil)
        hub.broker.send(
            session: session, request: request, handle: outer, chain: chain, timeout: -1,
            into: &hub.outbox)
        _ = hub.broker.closeHandle(session: session, handle: inner, into: &hub.outbox)
        return outer
    }

    @Test func messagesEndWithTheHub() {
        let bodies: BodyPool
        do {
            var hub = Self.makeHub()
            bodies = hub.outbox.bodies
            let session = hub.broker.beginSession(Identity(uid: 1, gid: 1, pid: 1))
            var chain = MessageChain()
            for _ in 0..<3 {
                let bytes = [UInt8](repeating: 1, count: 100)
                let body = bytes.withUnsafeBytes { MessageBody(copying: $0, in: bodies) }
                hub.broker.append(body, byteCount: 100, to: &chain, session: session)
            }
            #expect(hub.broker.messageCount == 3 && bodies.spareBytes == 0)
        }
        // Each with what stands before its bytes, in steps of the pool.
        #expect(bodies.spareBytes == 3 * 120)
    }

    @Test func spareBlocksAreUsedAgainBySize() {
        let bodies = BodyPool()
        for byteCount in 1...10_000 {
            let (block, size) = bodies.take(byteCount)
            #expect(bodies.spareBytes == 0)
            memset(block, 0xFF, byteCount)
            bodies.giveBack(block, size: size)
            let wasted = bodies.spareBytes - byteCount
            // More than the broker reckons with for a message (`messageCost`) would be beyond the daemon's memory.
            #expect(byteCount > 8200 ? bodies.spareBytes == 0 : wasted >= 0 && wasted < 16)
            let (again, sizeAgain) = bodies.take(byteCount)
            #expect(sizeAgain == size && (byteCount > 8200 || again == block))
            if byteCount > 8200 { bodies.giveBack(again, size: sizeAgain) } else { free(again) }
        }
    }
    /// Large messages that were there at once take the place of large ones only.
    @Test func largeBlocksLeaveRoomForSmallOnes() {
        let bodies = BodyPool()
        let large = (0..<200).map { _ in bodies.take(8184) }
        for (block, size) in large { bodies.giveBack(block, size: size) }
        let full = BodyPool.maxSpareBytes
        let lying = bodies.spareBytes
        #expect(lying > full - 8184 && lying <= full)
        let (block, size) = bodies.take(64)
        bodies.giveBack(block, size: size)
        #expect(bodies.spareBytes == lying + 72)
        let many = (0..<20_000).map { _ in bodies.take(64) }
        for (block, size) in many { bodies.giveBack(block, size: size) }
        #expect(bodies.spareBytes > lying + full - 72 && bodies.spareBytes <= lying + full)
    }
}
