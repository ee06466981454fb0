// SPDX-License-Identifier: Apache-2.0

import ChanTestSupport
import ChanWire
import Testing

/// Messages of every size up to the limit go through unchanged, in batches and by reference.
@Suite(.blocking) struct MessageSizeTests {
    private static func pattern(_ count: Int, _ seed: Int) -> [UInt8] {
        (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ $0 >> 8 &+ seed) }
    }

    @Test func everySizeThatIsSpecial() throws {
        try DaemonUnderTest.run { daemon in
            let sender = try WireClient(daemon.socketPath)
            let receiver = try WireClient(daemon.socketPath)
            let limit = Int(try #require(sender.welcome).maxMessageBytes)
            let out = try sender.open("sizes", .send, capacity: 1)
            let into = try receiver.open("sizes", .receive)
            let direct = FrameAssembler.directBodyBytes
            let around = [
                direct - 21, direct - 20, direct - 19, direct - 1, direct, direct + 1, 1 << 18, limit - 1,
                limit,
            ]
            for size in [0, 1, 15, 16, 17, 255, 256, 4096, 65_535, 65_536] + around {
                let message = Self.pattern(size, size)
                let request = sender.request()
                try sender.write(WireClient.sendFrame(request: request, handle: out, [message]))
                #expect(try sender.outcome(of: request) == .sent, "\(size) bytes")
                let delivered = try #require(try receiver.receive(into).delivered)
                #expect(delivered.messages.map(\.bytes) == [message], "\(size) bytes")
                try receiver.settle(delivered.range)
            }
        }
    }

    @Test func oneByteOverTheLimit() throws {
        try DaemonUnderTest.run { daemon in
            let client = try WireClient(daemon.socketPath)
            let limit = Int(try #require(client.welcome).maxMessageBytes)
            let handle = try client.open("sizes", capacity: 8)
            let large = Self.pattern(limit + 1, 0)
            for messages in [[large], [[1], large], [large, [1]]] {
                let request = client.request()
                try client.write(WireClient.sendFrame(request: request, handle: handle, messages))
                #expect(try client.outcome(of: request).failure == .messageTooLarge)
            }
            let text = String(repeating: "x", count: limit + 1)
            #expect(try client.select(.send(handle, text), timeout: 0).failure == .messageTooLarge)
            #expect(try client.inspect("sizes").accepted == 0)
            #expect(try client.send(handle, "small") == .sent)
        }
    }

    @Test func smallLimit() throws {
        try DaemonUnderTest.run(["limits.message_bytes": "1024"]) { daemon in
            let client = try WireClient(daemon.socketPath)
            let welcome = try #require(client.welcome)
            #expect(welcome.maxMessageBytes == 1024)
            let handle = try client.open("small", capacity: 8)
            // The least that the protocol promises to who has not read WELCOME.
            let request = client.request()
            let batch = [[UInt8]](repeating: [UInt8](repeating: 1, count: 1024), count: 4)
            try client.write(WireClient.sendFrame(request: request, handle: handle, batch))
            #expect(try client.outcome(of: request) == .sent)
            #expect(welcome.maxBodyBytes >= 5120)
            let hostile = try WireClient(daemon.socketPath)
            let body = [UInt8](repeating: 0, count: Int(welcome.maxBodyBytes) + 1)
            try hostile.write(GoodbyeTests.frame(.ping, body))
            #expect(try hostile.goodbye().code == .frameTooLarge)
        }
    }

    /// Big bodies that several receivers and the sender's pipeline share: each is released when all have it.
    @Test func bigMessagesBySeveralSessions() throws {
        try DaemonUnderTest.run { daemon in
            let sender = try WireClient(daemon.socketPath)
            let out = try sender.open("big", .send, capacity: 4)
            let receivers = try (0..<3).map { _ in try WireClient(daemon.socketPath) }
            let handles = try receivers.map { try $0.open("big", .receive) }
            for round in 0..<10 {
                let messages = (0..<3).map { Self.pattern(300_000 + $0, round * 3 + $0) }
                var requests: [UInt64] = []
                for message in messages {
                    requests.append(sender.request())
                    try sender.write(
                        WireClient.sendFrame(request: requests[requests.count - 1], handle: out, [message]))
                }
                var got: [[UInt8]] = []
                for (receiver, handle) in zip(receivers, handles) {
                    let delivered = try #require(try receiver.receive(handle).delivered)
                    got += delivered.messages.map(\.bytes)
                    if round % 2 == 0 {
                        try receiver.settle(delivered.range)
                    } else {
                        try receiver.giveBack(delivered.range, seen: false)
                        let again = try #require(try receiver.receive(handle).delivered)
                        #expect(again.messages.map(\.bytes) == [got[got.count - 1]])
                        try receiver.settle(again.range)
                    }
                }
                #expect(got == messages)
                for request in requests { #expect(try sender.outcome(of: request) == .sent) }
            }
            try sender.wait(for: "big", "all settled") { $0.settled == 30 }
        }
    }

    @Test func largestBatch() throws {
        try DaemonUnderTest.run(DaemonUnderTest.Options(checksInvariants: false)) { daemon in
            let client = try WireClient(daemon.socketPath)
            let handle = try client.open("batch", capacity: Capacity.unbounded)
            let count = WireLimits.maxBatchMessages
            let request = client.request()
            let messages = (0..<count).map { Self.pattern(3, $0) }
            try client.write(WireClient.sendFrame(request: request, handle: handle, messages))
            #expect(try client.outcome(of: request) == .sent)
            var got: [[UInt8]] = []
            while got.count < count {
                let delivered = try #require(try client.receive(handle, upTo: .max).delivered)
                // A body stops growing at 256 KiB: 11 bytes a message here.
                #expect(delivered.messages.count <= WireLimits.receiveBatchBytes / 11 + 1)
                got += delivered.messages.map(\.bytes)
                try client.settle(delivered.range)
            }
            #expect(got == messages)
            let hostile = try WireClient(daemon.socketPath)
            _ = try hostile.open("batch", .send)
            let tooMany = [[UInt8]](repeating: [], count: count + 1)
            try hostile.write(WireClient.sendFrame(request: 90, handle: 0, tooMany))
            #expect(try hostile.goodbye().code == .malformed)
        }
    }
}
