// SPDX-License-Identifier: Apache-2.0

import ChanSystem
import ChanTestSupport
import ChanWire
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
