// SPDX-License-Identifier: Apache-2.0

import ChanSystem
import ChanTestSupport
import ChanWire
import Glibc
import Testing

/// Rule X27: the session ends with its process, whoever else holds the socket.
@Suite(.blocking) struct InheritedSocketTests {
    @Test func deliveriesComeBackAlthoughAChildHoldsTheSocket() throws {
        try DaemonUnderTest.run { daemon in
            let heir = try WireClient(daemon.socketPath)
            let out = try heir.open("work", .send, capacity: 2)
            let doomed = try ClientProcess(daemon.socketPath, leavesKeeper: true)
            let into = try doomed.client.open("work", .receive)
            #expect(try heir.send(out, "0") == .sent)
            _ = try #require(try doomed.client.receive(into).delivered)
            try doomed.kill()
            let rest = try heir.open("work", .receive)
            let delivered = try #require(try heir.receive(rest).delivered)
            #expect(delivered.texts == ["0"])
            #expect(delivered.messages.map(\.redelivered) == [true])
            try heir.wait(for: "work", "no other receiver") { $0.receiveHandles == 1 }
        }
    }

    /// Its process is looked for only after HELLO: one that is gone by then has a session all the same, for as long as
    /// what it had written takes.
    @Test func deathBeforeTheDaemonLooked() throws {
        try DaemonUnderTest.run { daemon in
            let heir = try WireClient(daemon.socketPath)
            let into = try heir.open("work", .receive, capacity: Capacity.unbounded)
            let doomed = try ClientProcess(daemon.socketPath, leavesKeeper: true, greets: false)
            try daemon.process.stop()
            try doomed.client.write(
                Hello(clientName: "doomed").encoded()
                    + OpenRequest(name: "work", role: .send).encoded(request: 1)
                    + WireClient.sendFrame(request: 2, handle: 0, [Array("last words".utf8)]))
            while try UnixSocket.unsentBytes(doomed.client.raw) > 0 || !doomed.process.isAsleep() {
                sched_yield()
            }
            try doomed.kill()
            try daemon.process.kill(.resume)
            #expect(try heir.receive(into).delivered?.texts == ["last words"])
            try heir.wait(for: "work", "no sender") { $0.sendHandles == 0 }
        }
    }

    @Test func whatItHadWrittenComesFirst() throws {
        // One frame a turn: what is left at its death takes many.
        try DaemonUnderTest.run(["loop.turn_frames": "16"]) { daemon in
            let receiver = try WireClient(daemon.socketPath)
            let into = try receiver.open("work", .receive, capacity: Capacity.unbounded)
            let input = try UnixSocket.pair(nonBlocking: false)
            let output = try Descriptor.pipe()
            let burst = try ChildProcess.spawn(
                BuiltProgram.path("chand-test-agent"), arguments: ["burst", daemon.socketPath],
                environment: DaemonUnderTest.environment(), stdin: .descriptor(input.second.raw),
                stdout: .descriptor(output.writing.raw))
            var byte: [UInt8] = [0]
            #expect(byte.withUnsafeMutableBytes { Transfer.read(output.reading.raw, into: $0) } == .bytes(1))
            // The daemon finds the frames and the death at once.
            try daemon.process.stop()
            try Array("go\n".utf8).withUnsafeBytes { try Transfer.writeAll(input.first.raw, $0) }
            #expect(try burst.wait().isSuccess)
            try daemon.process.kill(.resume)
            var got: [String] = []
            while got.count < 1000 {
                let delivered = try #require(try receiver.receive(into, upTo: 1000).delivered)
                got += delivered.texts
                try receiver.settle(delivered.range)
            }
            #expect(got == (0..<1000).map { "\($0)" })
            try receiver.wait(for: "work", "no sender") { $0.sendHandles == 0 }
        }
    }
}
