// SPDX-License-Identifier: Apache-2.0

import ChanSystem
import ChanTestSupport
import ChanWire
import Channels
import Testing

/// What connecting says when it fails: what was tried, and what to do.
@Suite struct ConnectTests {
    private func failure(connectingTo path: String, timeout: Duration = .seconds(10)) async -> ChandError? {
        await #expect(throws: ChandError.self) {
            _ = try await ChandClient.connect(to: path, timeout: timeout)
        }
    }

    @Test func nobodyThere() async {
        let error = await failure(connectingTo: "/nonexistent/chand.sock")
        #expect(error?.code == .daemonNotRunning)
        #expect(error?.socket == "/nonexistent/chand.sock")
        #expect(error?.errno == SystemError.notFound)
        #expect("\(error as Any)".contains("chanctl run"))
        #expect("\(error as Any)".contains("systemctl start chand.socket"))
    }

    @Test func aPathThatIsTooLong() async {
        let path = "/" + String(repeating: "x", count: 107)
        let error = await failure(connectingTo: path)
        #expect(error?.code == .pathTooLong)
        #expect("\(error as Any)".contains("107"))
    }

    @Test func aFileThatIsNoSocket() async throws {
        let directory = try Files.makeTemporaryDirectory()
        defer { try? Files.removeTree(directory) }
        try Files.write([1], to: directory + "/s")
        #expect(await failure(connectingTo: directory + "/s")?.code == .daemonNotRunning)
    }

    @Test func aDaemonThatSaysNothing() async throws {
        let daemon = try ScriptedDaemon()
        let error = await failure(connectingTo: daemon.path, timeout: .milliseconds(50))
        #expect(error?.code == .timeout)
    }

    @Test(
        arguments: [
            (GoodbyeCode.version, ChandError.Code.versionMismatch), (.refused, .notPermitted),
            (.tooManySessions, .quotaExceeded), (.shuttingDown, .daemonNotRunning),
        ])
    func aDaemonThatRefuses(_ goodbye: GoodbyeCode, _ code: ChandError.Code) async throws {
        let daemon = try ScriptedDaemon()
        async let failed = failure(connectingTo: daemon.path)
        try await daemon.accept(greets: false)
        try await daemon.step { try $0.write(Goodbye(goodbye, "the reason").encoded()) }
        let error = await failed
        #expect(error?.code == code)
        #expect("\(error as Any)".contains("the reason"))
    }

    @Test func aDaemonThatHangsUp() async throws {
        let daemon = try ScriptedDaemon()
        async let failed = failure(connectingTo: daemon.path)
        try await daemon.accept(greets: false)
        daemon.hangUp()
        #expect(await failed?.code == .connectionLost)
    }

    @Test func anotherVersion() async throws {
        let daemon = try ScriptedDaemon()
        async let failed = failure(connectingTo: daemon.path)
        try await daemon.accept(greets: false)
        try await daemon.step { peer in
            var welcome = ScriptedDaemon.welcome
            welcome.version = 2
            try peer.write(welcome.encoded())
        }
        #expect(await failed?.code == .protocolViolation)
    }

    @Test func whatTheDaemonAnnounced() async throws {
        let (_, client) = try await ScriptedDaemon.connected()
        #expect(client.daemon.name == "scripted")
        #expect(client.daemon.instance == 7)
        #expect(client.daemon.user == 1000)
        #expect(client.daemon.limits.maxMessageBytes == 1 << 16)
    }
}
