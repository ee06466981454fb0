// SPDX-License-Identifier: Apache-2.0

import ChanSystem
import Testing

@Suite("Connecting", .apart)
struct ConnectTests {
    @Test("the error says what is wrong with the path")
    func errors() throws {
        try withScratchDirectory { directory in
            let path = directory + "/s"
            let missing = failure { () throws(SystemError) in _ = try UnixSocket.connect(path: path) }
            #expect(missing?.errno == SystemError.notFound)
            #expect(missing?.description == "connect \(path): No such file or directory")
            let denied = failure { () throws(SystemError) in
                try SystemFaults.fail(.connect, errno: SystemError.permissionDenied) {
                    () throws(SystemError) in _ = try UnixSocket.connect(path: path)
                }
            }
            #expect(denied?.description == "connect \(path): Permission denied")
            let empty = failure { () throws(SystemError) in _ = try UnixSocket.connect(path: "") }
            #expect(empty?.errno == SystemError.invalidArgument)
            let zero = failure { () throws(SystemError) in _ = try UnixSocket.connect(path: "a\0b") }
            #expect(zero?.detail == "the path contains a NUL byte")
        }
    }

    @Test(
        "permissions keep another user out",
        .enabled(if: ThisProcess.effectiveUid != 0, "root may open any socket; EACCES is forced elsewhere"))
    func permissions() throws {
        try withScratchDirectory { directory in
            let listener = try UnixSocket.listen(path: directory + "/s", mode: 0)
            let denied = failure { () throws(SystemError) in
                _ = try UnixSocket.connect(path: listener.path)
            }
            #expect(denied?.errno == SystemError.permissionDenied)
        }
    }

    @Test("a full backlog is waited for: until the time is over, or until there is room")
    func fullBacklog() throws {
        try withScratchDirectory { directory in
            let path = directory + "/s"
            let listener = try UnixSocket.listen(path: path, backlog: 1)
            var waiting: [Int32] = []
            defer { waiting.forEach { Descriptor.close($0) } }
            var error: SystemError?
            while error == nil && waiting.count < 100 {
                error = failure { () throws(SystemError) in
                    waiting.append(try UnixSocket.connect(path: path, timeoutMilliseconds: 0).take())
                }
            }
            #expect(error?.errno == SystemError.timedOut)

            let before = MonotonicClock.now()
            let late = failure { () throws(SystemError) in
                _ = try UnixSocket.connect(path: path, timeoutMilliseconds: 20)
            }
            #expect(late?.errno == SystemError.timedOut)
            #expect(MonotonicClock.now() - before >= 20_000_000)

            let outcome = ConditionLock<Bool?>(nil)
            let thread = try NativeThread.start(name: "connect") {
                let connected =
                    failure { () throws(SystemError) in
                        _ = try UnixSocket.connect(path: path, timeoutMilliseconds: 60_000)
                    } == nil
                outcome.withLock { $0 = connected }
                outcome.signal()
            }
            guard case .connection = listener.accept() else { throw Unexpected() }
            #expect(outcome.wait { $0 } == true)
            thread.join()
        }
    }

    @Test("an interruption is not an error", arguments: [nil, 0, 1000] as [UInt64?])
    func interrupted(timeout: UInt64?) throws {
        try withScratchDirectory { directory in
            let listener = try UnixSocket.listen(path: directory + "/s")
            let plan = SystemFaults([.init(.connect, times: 3, errno: SystemError.interrupted)])
            try plan.run { _ = try UnixSocket.connect(path: listener.path, timeoutMilliseconds: timeout) }
            #expect(plan.count(.connect) == 4)
        }
    }

    @Test("the connection blocks or not, as asked", arguments: [nil, 0, 1000] as [UInt64?])
    func blocking(timeout: UInt64?) throws {
        try withScratchDirectory { directory in
            let listener = try UnixSocket.listen(path: directory + "/s")
            let client = try UnixSocket.connect(path: listener.path, timeoutMilliseconds: timeout)
            var byte: [UInt8] = [0]
            #expect(byte.withUnsafeMutableBytes { Transfer.read(client.raw, into: $0) } == .wouldBlock)
            let patient = try UnixSocket.connect(
                path: listener.path, timeoutMilliseconds: timeout, nonBlocking: false)
            guard case .connection = listener.accept(), case .connection(let server) = listener.accept()
            else { throw Unexpected() }
            #expect(send([7], to: server.raw) == .bytes(1))
            #expect(byte.withUnsafeMutableBytes { Transfer.read(patient.raw, into: $0) } == .bytes(1))
        }
    }

    @Test("the kernel says who is at the other end")
    func credentials() throws {
        let pair = try UnixSocket.pair()
        let peer = try PeerCredentials.of(pair.first.raw)
        #expect(peer.uid == ThisProcess.effectiveUid)
        #expect(peer.gid == ThisProcess.effectiveGid)
        #expect(peer.pid == ThisProcess.pid)
        #expect(try Set(peer.groups) == Set(ThisProcess.groups()))
    }

    @Test("the peer's process has a descriptor, also on kernels without SO_PEERPIDFD")
    func processDescriptor() throws {
        let pair = try UnixSocket.pair()
        func opened(_ plan: SystemFaults = SystemFaults(), pid: Int32 = ThisProcess.pid) -> SystemError? {
            failure { () throws(SystemError) in
                try plan.run { () throws(SystemError) in
                    let exact = try PeerCredentials.processDescriptor(of: pair.first.raw, pid: pid)
                    #expect(try Transfer.wait(exact.raw, for: .read, until: 0).isEmpty, "we still live")
                }
            }
        }
        #expect(opened() == nil)
        let noOption = SystemError.noSuchOption
        let fallback = SystemFaults([.init(.getsockopt, errno: noOption)])
        #expect(opened(fallback) == nil)
        #expect(fallback.count(.pidfdOpen) == 1)
        // One of another namespace has no number.
        #expect(opened(SystemFaults([.init(.getsockopt, errno: noOption)]), pid: 0)?.errno == noOption)
        // Who is gone is not looked for by a number that may be another's.
        for errno in [SystemError.noSuchProcess, SystemError.invalidArgument] {
            let gone = SystemFaults([.init(.getsockopt, errno: errno)])
            #expect(opened(gone)?.errno == SystemError.noSuchProcess)
            #expect(gone.count(.pidfdOpen) == 0)
        }
        for errno in [SystemError.noSuchProcess, SystemError.descriptorsExhausted] {
            let plan = SystemFaults([
                .init(.getsockopt, errno: noOption), .init(.pidfdOpen, errno: errno),
            ])
            #expect(opened(plan)?.errno == errno)
        }
    }
}
