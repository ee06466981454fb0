// SPDX-License-Identifier: Apache-2.0

import ChanSystem
import Glibc
import Testing

/// The n-th call of every kind fails, for every n and with each of several errors, in everything that makes any (P10):
/// that is said or of no consequence, what interrupts does not, and nothing stays open.
@Suite(.apart) struct FaultTests {
    /// Something that makes calls, at a path where there is nothing.
    struct Deed: Sendable, CustomTestStringConvertible {
        var testDescription: String
        var body: @Sendable (_ path: String) throws(SystemError) -> Void

        init(_ name: String, _ body: @escaping @Sendable (String) throws(SystemError) -> Void) {
            testDescription = name
            self.body = body
        }
    }

    static let deeds = [
        Deed("files", files),
        Deed("directories", directories),
        Deed("descriptors", descriptors),
        Deed("sockets", sockets),
        Deed("connections", connections),
        Deed("events", events),
        Deed("threads and signals", threads),
        Deed("this process", thisProcess),
        Deed("child processes", children),
    ]

    /// How many descriptors each call makes.
    private static let made: [SystemCall: Int] = [
        .open: 1, .socket: 1, .accept: 1, .dup: 1, .epollCreate: 1, .eventfd: 1, .memfdCreate: 1,
        .pidfdOpen: 1, .signalfd: 1, .pipe: 2, .socketpair: 2,
    ]
    /// Calls that no signal interrupts, so that nobody makes them again.
    private static let once: Set<SystemCall> = [.posixSpawn, .pthreadCreate, .mkdtemp]

    @Test(arguments: deeds) func everyCall(_ deed: Deed) throws {
        try withScratchDirectory { directory in
            let dry = SystemFaults()
            #expect(Self.attempt(deed, "\(directory)/dry", under: dry) == nil)
            let errors = [
                SystemError.interrupted, SystemError.noMemory, SystemError.descriptorsExhausted, EIO, ENOSPC,
            ]
            var number = 0
            for call in SystemCall.allCases where call != .close {
                for nth in 0..<dry.count(call) {
                    for errno in errors {
                        number += 1
                        let plan = SystemFaults([.init(call, nth: nth + 1, errno: errno)])
                        let error = Self.attempt(deed, "\(directory)/\(number)", under: plan)
                        let what: Comment = "\(call), call \(nth + 1), error \(errno)"
                        #expect(plan.forced == 1, what)
                        let isHarmless = errno == SystemError.interrupted && !Self.once.contains(call)
                        #expect(error == nil || (error?.errno == errno && !isHarmless), what)
                        let opened = Self.made.reduce(0) { $0 + plan.count($1.key) * $1.value }
                        #expect(plan.count(.close) == opened - (Self.made[call] ?? 0), what)
                    }
                }
            }
        }
    }

    /// What it fails with.
    private static func attempt(_ deed: Deed, _ path: String, under plan: SystemFaults) -> SystemError? {
        do throws(SystemError) {
            try plan.run { () throws(SystemError) in try deed.body(path) }
            return nil
        } catch {
            return error
        }
    }

    /// Whoever adds a call adds a deed.
    @Test func noCallIsLeftOut() throws {
        try withScratchDirectory { directory in
            let plan = SystemFaults()
            for (number, deed) in Self.deeds.enumerated() {
                #expect(Self.attempt(deed, "\(directory)/\(number)", under: plan) == nil)
            }
            // Two of a terminal, one of children that somebody else waits for: ProcessTests; and of big reads, TransferTests.
            let elsewhere: Set<SystemCall> = [.waitid, .readv, .sendmsg]
            let never = SystemCall.allCases.filter { plan.count($0) == 0 && !elsewhere.contains($0) }
            #expect(never == [])
        }
    }

    // MARK: Deeds

    private static func files(_ path: String) throws(SystemError) {
        try Files.write([1, 2], to: path, .create)
        try Files.replace(path, with: [3])
        try Files.setPermissions(path, 0o600)
        _ = try Files.permissions(path)
        _ = try Files.read(path)
        try Files.remove(path)
    }

    private static func directories(_ path: String) throws(SystemError) {
        try Files.makeDirectory(path)
        _ = try Files.names(in: path)
        try Files.removeTree(path)
        try Files.removeTree(try Files.makeTemporaryDirectory(prefix: "chan-faults"))
    }

    private static func descriptors(_: String) throws(SystemError) {
        let pipe = try Descriptor.pipe()
        try Descriptor.setNonBlocking(pipe.reading.raw)
        _ = try pipe.reading.duplicate()
        let file = try Descriptor.memoryFile(name: "faults", [1, 2, 3])
        _ = try Descriptor.mapShared(file.raw, bytes: 4096)
        _ = try Transfer.readAll(file.raw)
        _ = try Transfer.wait(pipe.writing.raw, for: .write)
        let wakeUp = try WakeUp()
        wakeUp.signal()
        wakeUp.drain()
    }

    private static func sockets(_: String) throws(SystemError) {
        let pair = try UnixSocket.pair()
        let (one, other) = (pair.first.raw, pair.second.raw)
        try UnixSocket.setSendBuffer(one, bytes: 65_536)
        try UnixSocket.setReceiveBuffer(one, bytes: 65_536)
        try UnixSocket.setSendTimeout(one, microseconds: 1000)
        _ = send([1, 2, 3], to: one)
        _ = try UnixSocket.unsentBytes(one)
        _ = try UnixSocket.unreadBytes(other)
        _ = drain(other)
        _ = try PeerCredentials.of(one)
        try UnixSocket.shutdown(one, .sending)
    }

    private static func connections(_ path: String) throws(SystemError) {
        let listener = try UnixSocket.listen(path: path, group: ThisProcess.effectiveGid)
        let client = try UnixSocket.connect(path: path, timeoutMilliseconds: 1000)
        guard case .connection = listener.accept() else { return }
        _ = client.raw
    }

    private static func events(_: String) throws(SystemError) {
        let poll = try EventPoll()
        let wakeUp = try WakeUp()
        var events = EventBuffer(capacity: 4)
        try poll.add(wakeUp.descriptor, token: 1, interest: .read)
        try poll.modify(wakeUp.descriptor, token: 1, interest: [.read, .write])
        try poll.wait(into: &events, timeoutNanoseconds: 0)
        try poll.remove(wakeUp.descriptor)
    }

    private static func threads(_: String) throws(SystemError) {
        let result = Lock<SystemError?>(nil)
        // What is blocked there is blocked nowhere else.
        let thread = try NativeThread.start(name: "faults") {
            let error = failure(of: onAThread)
            result.withLock { $0 = error }
        }
        thread.join()
        if let error = result.withLock({ $0 }) { throw error }
    }

    private static func onAThread() throws(SystemError) {
        try SignalSource.ignoreBrokenPipes()
        let source = try SignalSource([.user2])
        _ = try source.next()
        try ThisProcess.pinThread(to: try ThisProcess.processors())
    }

    private static func thisProcess(_: String) throws(SystemError) {
        _ = try ThisProcess.groups()
        _ = try ThisProcess.executablePath()
        try ThisProcess.setDescriptorLimit(try ThisProcess.descriptorLimit().soft)
        let wakeUp = try WakeUp()
        let unused: Int32 = 45
        try SignalNotices.watch(unused, waking: wakeUp)
    }

    private static func children(_: String) throws(SystemError) {
        let child = try ChildProcess.spawn("/bin/cat", stdin: .null, stdout: .null)
        try child.kill(.resume)
        try child.wait()
    }
}
