// SPDX-License-Identifier: Apache-2.0

import ChanTestSupport
import Testing

@Suite struct SmokeTests {
    @Test func messagesGoFromOneProcessToAnother() throws {
        try DaemonUnderTest.run { daemon in
            let sender = try ClientProcess(daemon.socketPath)
            let receiver = try WireClient(daemon.socketPath)
            let out = try sender.client.open("jobs", .send, capacity: 2)
            let into = try receiver.open("jobs", .receive)
            #expect(try sender.client.send(out, "a", "b") == .sent)
            let delivered = try #require(try receiver.receive(into, upTo: 8).delivered)
            #expect(delivered.texts == ["a", "b"])
            try receiver.settle(delivered.range)
            try receiver.wait(for: "jobs", "nothing unsettled") { $0.unsettled == 0 }
        }
    }
}
