// SPDX-License-Identifier: Apache-2.0

import ChanSystem
import Testing

@Suite("Listening at a path", .apart)
struct ListenTests {
    @Test("a listener has the mode asked for, and leaves nothing behind")
    func modeAndRemoval() throws {
        try withScratchDirectory { directory in
            let path = directory + "/s"
            do {
                let listener = try UnixSocket.listen(path: path, mode: 0o660)
                #expect(try Files.permissions(path) == 0o660)
                #expect(try Files.permissions(path + ".lock") == 0o600)
                #expect(listener.path == path)
            }
            #expect(try Files.names(in: directory) == [])
        }
    }

    @Test("a second listener is told that the path is taken, and does no harm")
    func secondListener() throws {
        try withScratchDirectory { directory in
            let path = directory + "/s"
            let listener = try UnixSocket.listen(path: path)
            let error = failure { () throws(SystemError) in _ = try UnixSocket.listen(path: path) }
            #expect(error?.errno == SystemError.addressInUse)
            #expect(error?.description == "bind \(path): another process holds \(path).lock")
            _ = try UnixSocket.connect(path: path, timeoutMilliseconds: 0)
            guard case .connection = listener.accept() else { throw Unexpected() }
        }
    }

    @Test("a living listener is not displaced, even if its lock file was removed")
    func lockRemovedByHand() throws {
        try withScratchDirectory { directory in
            let path = directory + "/s"
            let listener = try UnixSocket.listen(path: path)
            try Files.remove(path + ".lock")
            let error = failure { () throws(SystemError) in _ = try UnixSocket.listen(path: path) }
            #expect(error?.errno == SystemError.addressInUse)
            #expect(error?.detail == "another process listens there")
            #expect(Files.exists(listener.path))
        }
    }

    @Test("the socket of a dead listener is taken over")
    func staleSocket() throws {
        try withScratchDirectory { directory in
            let path = directory + "/s"
            // A listener that dies without tidying up: its files are not to be unlinked.
            try SystemFaults.fail(.unlink, times: 2, errno: SystemError.notPermitted) {
                _ = try UnixSocket.listen(path: path)
            }
            #expect(try Set(Files.names(in: directory)) == ["s", "s.lock"])
            let refused = failure { () throws(SystemError) in _ = try UnixSocket.connect(path: path) }
            #expect(refused?.errno == SystemError.connectionRefused)
            let listener = try UnixSocket.listen(path: path)
            _ = try UnixSocket.connect(path: path, timeoutMilliseconds: 0)
            guard case .connection = listener.accept() else { throw Unexpected() }
        }
    }

    @Test("a file that is not a socket stays")
    func otherFile() throws {
        try withScratchDirectory { directory in
            let path = directory + "/s"
            try Files.write("precious".utf8, to: path)
            let error = failure { () throws(SystemError) in _ = try UnixSocket.listen(path: path) }
            #expect(error?.errno == SystemError.notASocket)
            #expect(try Files.read(path) == Array("precious".utf8))
        }
    }

    @Test("a socket that somebody else put at the path is not removed with the listener")
    func replacedSocket() throws {
        try withScratchDirectory { directory in
            let path = directory + "/s"
            do {
                let listener = try UnixSocket.listen(path: path)
                try Files.remove(listener.path)
                try Files.write("theirs".utf8, to: path)
            }
            #expect(try Files.names(in: directory) == ["s"])
        }
    }

    @Test("a path of 107 bytes works and one of 108 is refused with the limit named")
    func pathLength() throws {
        try withScratchDirectory { directory in
            let longest = directory + "/" + String(repeating: "x", count: 106 - directory.utf8.count)
            #expect(longest.utf8.count == UnixSocket.maxPathBytes)
            let listener = try UnixSocket.listen(path: longest)
            _ = try UnixSocket.connect(path: listener.path, timeoutMilliseconds: 0)
            for call in [SystemCall.bind, .connect] {
                let error = failure { () throws(SystemError) in
                    if call == .bind { _ = try UnixSocket.listen(path: longest + "y") }
                    if call == .connect { _ = try UnixSocket.connect(path: longest + "y") }
                }
                #expect(error?.errno == SystemError.nameTooLong)
                #expect(error?.call == call)
                #expect(error?.detail == "the path has 108 bytes, a socket's path at most 107")
            }
        }
    }

    @Test("a missing directory is named")
    func missingDirectory() throws {
        try withScratchDirectory { directory in
            let error = failure { () throws(SystemError) in
                _ = try UnixSocket.listen(path: directory + "/none/s")
            }
            #expect(error?.errno == SystemError.notFound)
            #expect(error?.detail == "the directory \(directory)/none does not exist")
        }
    }

    @Test(
        "whatever call fails, nothing stays open and the next attempt succeeds",
        arguments: [SystemCall.open, .flock, .stat, .socket, .connect, .unlink, .bind, .chmod, .listen])
    func everyFailure(call: SystemCall) throws {
        try withScratchDirectory { directory in
            let path = "\(directory)/\(call)"
            // Always over a dead listener's files, so that the whole way is gone.
            func listenOverStale(_ plan: SystemFaults) throws -> SystemError? {
                try SystemFaults.fail(.unlink, times: .max, errno: SystemError.notPermitted) {
                    _ = try UnixSocket.listen(path: path)
                }
                return failure { () throws(SystemError) in
                    try plan.run { () throws(SystemError) in _ = try UnixSocket.listen(path: path) }
                }
            }
            let dry = SystemFaults()
            #expect(try listenOverStale(dry) == nil)
            #expect(dry.count(call) > 0)
            for nth in 1...dry.count(call) {
                let plan = SystemFaults([.init(call, nth: nth, errno: SystemError.noMemory)])
                let error = try listenOverStale(plan)
                // The last ones happen when the listener goes, and may fail without harm.
                let later = call == .stat && nth == dry.count(.stat) || call == .unlink && nth > 1
                #expect(error?.errno == (later ? nil : SystemError.noMemory))
                let opened = plan.count(.open) + plan.count(.socket)
                let failed = call == .open || call == .socket ? 1 : 0
                #expect(plan.count(.close) == opened - failed)
                // What is left over may be a dead socket, never something that stands in the way.
                _ = try UnixSocket.listen(path: path)
                #expect(!Files.exists(path))
            }
        }
    }

    @Test("accept tells a lost connection from a lack of descriptors from a broken listener")
    func acceptErrors() throws {
        try withScratchDirectory { directory in
            let listener = try UnixSocket.listen(path: directory + "/s")
            guard case .wouldBlock = listener.accept() else { throw Unexpected() }
            let kinds: [(Int32, String)] = [
                (SystemError.connectionAborted, "aborted"), (SystemError.descriptorsExhausted, "exhausted"),
                (SystemError.systemDescriptorsExhausted, "exhausted"), (SystemError.noMemory, "exhausted"),
                (SystemError.noBuffers, "exhausted"), (SystemError.badDescriptor, "failed"),
                (SystemError.interrupted, "would block"),
            ]
            for (errno, expected) in kinds {
                let kind = SystemFaults.fail(.accept, errno: errno) {
                    switch listener.accept() {
                    case .connection: "connection"
                    case .wouldBlock: "would block"
                    case .aborted: "aborted"
                    case .exhausted: "exhausted"
                    case .failed: "failed"
                    }
                }
                #expect(kind == expected)
            }
        }
    }
}

/// A case that the test does not expect.
struct Unexpected: Error {}
