// SPDX-License-Identifier: Apache-2.0

import ChanSystem
import ChanTestSupport
import Channels
import Testing

/// Request and response, near and through the built daemon.
@Suite struct RequestTests {
    @Test func aServerAnswers() async throws {
        try await withDaemon { _, client in
            try await Self.exchange(try await client.channel("requests", of: Request<Int, String>.self))
        }
    }

    @Test func aServerInTheProcessAnswers() async throws { try await Self.exchange(Chan()) }

    private static func exchange(_ requests: Chan<Request<Int, String>>) async throws {
        let server = Task {
            for try await request in requests {
                switch request.question {
                case 0: continue
                case 1: try await request.refuse(CloseReason(code: 7, "no"))
                case 2: try await request.refuse(CloseReason("last sender gone"))
                default: try await request.reply("\(request.question)")
                }
            }
        }
        #expect(try await requests.call(42, timeout: .seconds(60)) == "42")
        let forgotten = await #expect(throws: ChandError.self) { try await requests.call(0) }
        #expect(forgotten?.code == .noReply)
        let refused = await #expect(throws: ChannelClosed.self) { try await requests.call(1) }
        #expect(refused?.reason == CloseReason(code: 7, "no"))
        // Words are for people: it is the code that says whether somebody has refused.
        let words = await #expect(throws: ChannelClosed.self) { try await requests.call(2) }
        #expect(words?.reason == CloseReason("last sender gone"))
        #expect(try await requests.call(43) == "43")
        try await requests.close()
        await #expect(throws: ChannelClosed.self) { try await requests.call(44) }
        try await server.value
    }

    @Test func whoWaitsNoMoreIsNotAnswered() async throws {
        try await withDaemon { _, client in
            let requests = try await client.channel("requests", of: Request<Int, Int>.self)
            let call = Task { try await requests.call(1) }
            let request = try await requests.receive()
            call.cancel()
            await #expect(throws: CancellationError.self) { try await call.value }
            let error = await #expect(throws: ChandError.self) { try await request.reply(1) }
            #expect(error?.code == .noReceivers)
            let late = await #expect(throws: ChandError.self) {
                try await requests.call(2, timeout: .milliseconds(5))
            }
            #expect(late?.code == .timeout)
        }
    }

    @Test func anAnswerIsGivenOnce() async throws {
        let requests = Chan<Request<Int, Int>>()
        let call = Task { try await requests.call(1) }
        let request = try await requests.receive()
        try await request.reply(2)
        let error = await #expect(throws: ChandError.self) {
            try await request.reply(3)
            try await request.reply(4)
        }
        #expect(error?.code == .noReceivers)
        #expect(try await call.value == 2)
    }

    @Test func aServerThatIsKilledEndsTheCall() async throws {
        try await withDaemon { daemon, client in
            let requests = try await client.channel("requests", of: Request<Int, Int>.self)
            let held = try await client.channel("held", capacity: 1, of: Int.self)
            let server = try ChildProcess.spawn(
                BuiltProgram.path("chand-test-agent"), arguments: ["server", daemon.socketPath],
                environment: DaemonUnderTest.environment())
            let call = Task { try await requests.call(5) }
            #expect(try await held.receive() == 5)
            try server.kill(.kill)
            let error = await #expect(throws: ChandError.self) { try await call.value }
            #expect(error?.code == .noReply)
            _ = try await onThread { try server.wait() }
        }
    }
}
