// SPDX-License-Identifier: Apache-2.0

import Glibc
import Systemd
import Testing

/// What reaches the service manager.
///
/// Each test is a process of its own: libsystemd reads the environment,
/// which belongs to all tests of one process.
struct NotifierTests {
    @Test func readiness() async {
        await #expect(processExitsWith: .success) {
            let manager = try FakeManager()
            Notifier.ready(status: "12 channels")
            #expect(try manager.next() == "READY=1\nSTATUS=12 channels")
            Notifier.ready()
            #expect(try manager.next() == "READY=1")
            Notifier.stopping(status: "draining")
            #expect(try manager.next() == "STOPPING=1\nSTATUS=draining")
            Notifier.reloading()
            let reloading = try manager.next()
            #expect(reloading.hasPrefix("RELOADING=1\nMONOTONIC_USEC="))
            #expect(reloading.split(separator: "=").last.flatMap { UInt64($0) } ?? 0 > 0)
        }
    }

    @Test func statusIsOneField() async {
        await #expect(processExitsWith: .success) {
            let manager = try FakeManager()
            Notifier.status("a\nWATCHDOG=1\r\nb")
            #expect(try manager.next() == "STATUS=a WATCHDOG=1 b")
        }
    }

    @Test func watchdog() async {
        await #expect(processExitsWith: .success) {
            let manager = try FakeManager()
            #expect(Notifier.watchdogInterval == nil)
            setenv("WATCHDOG_USEC", "2500000", 1)
            setenv("WATCHDOG_PID", "\(getpid())", 1)
            #expect(Notifier.watchdogInterval == .milliseconds(2500))
            setenv("WATCHDOG_PID", "1", 1)
            #expect(Notifier.watchdogInterval == nil)
            Notifier.watchdog()
            #expect(try manager.next() == "WATCHDOG=1")
            Notifier.watchdog(every: .seconds(3))
            #expect(try manager.next() == "WATCHDOG_USEC=3000000")
        }
    }

    @Test func silentlyNothingWithoutAManager() async {
        await #expect(processExitsWith: .success) {
            unsetenv("NOTIFY_SOCKET")
            Notifier.ready(status: "x")
            setenv("NOTIFY_SOCKET", "/nonexistent/notify", 1)
            Notifier.status("x")
            Notifier.watchdog()
            Journal.send("x", priority: 7, fields: [("CHAND_TEST", "y")])
        }
    }
}

/// The listening sockets as a service finds them.
///
/// With `#require` only: what is passed takes the numbers from 3 on, where the way back to the parent may
/// have been, so that only the exit status is sure to arrive.
struct ListenDescriptorTests {
    @Test func noneWithoutAManager() async {
        await #expect(processExitsWith: .success) {
            for name in ["LISTEN_FDS", "LISTEN_PID", "LISTEN_FDNAMES"] { unsetenv(name) }
            let passed = try ListenDescriptors.named()
            try #require(passed.isEmpty)
        }
    }

    @Test func noneMeantForAnotherProcess() async {
        await #expect(processExitsWith: .success) {
            setenv("LISTEN_FDS", "1", 1)
            setenv("LISTEN_PID", "1", 1)
            let passed = try ListenDescriptors.named()
            try #require(passed.isEmpty)
        }
    }

    @Test func byName() async {
        await #expect(processExitsWith: .success) {
            let directory = try passSockets([SOCK_STREAM, SOCK_STREAM], names: "admin:chan", listening: true)
            defer { removeSockets(in: directory) }
            let passed = try ListenDescriptors.named()
            try #require(passed.map(\.name) == ["admin", "chan"])
            try #require(passed.map(\.fd) == [3, 4])
            for (_, fd) in passed { try #require(fcntl(fd, F_GETFD) & FD_CLOEXEC != 0) }
            try #require(getenv("LISTEN_FDS") == nil)
            let again = try ListenDescriptors.named()
            try #require(again.isEmpty)
        }
    }

    @Test func notAStream() async {
        await #expect(processExitsWith: .success) {
            let directory = try passSockets([SOCK_DGRAM], names: "chan", listening: false)
            defer { removeSockets(in: directory) }
            let error = try #require(throws: ListenDescriptors.Mismatch.self) {
                try ListenDescriptors.named()
            }
            try #require(error == .noListeningStream(name: "chan", fd: 3))
        }
    }

    /// Going on without them would leave the clients of the sockets hanging.
    @Test(arguments: ["x", "-1", "99999999999"])
    func countThatIsNone(count: String) async {
        await #expect(processExitsWith: .success) { [count] in
            setenv("LISTEN_FDS", count, 1)
            setenv("LISTEN_PID", "\(getpid())", 1)
            _ = try #require(throws: ListenDescriptors.Mismatch.self) { try ListenDescriptors.named() }
        }
    }

    @Test func notListening() async {
        await #expect(processExitsWith: .success) {
            let directory = try passSockets([SOCK_STREAM], names: "chan", listening: false)
            defer { removeSockets(in: directory) }
            _ = try #require(throws: ListenDescriptors.Mismatch.self) { try ListenDescriptors.named() }
        }
    }
}

/// Whether standard error is the journal.
struct JournalTests {
    @Test func streamIsRecognised() throws {
        var facts = stat()
        try #require(fstat(0, &facts) == 0)
        #expect(Journal.isConnected(0, stream: "\(facts.st_dev):\(facts.st_ino)"))
        #expect(!Journal.isConnected(0, stream: "\(facts.st_dev):\(facts.st_ino + 1)"))
        #expect(!Journal.isConnected(0, stream: nil))
        #expect(!Journal.isConnected(0, stream: "nonsense"))
        #expect(!Journal.isConnected(-1, stream: "\(facts.st_dev):\(facts.st_ino)"))
    }
}

/// Puts bound sockets where systemd would: from descriptor 3 on, which in a test's process somebody else has.
private func passSockets(_ types: [__socket_type], names: String, listening: Bool) throws -> String {
    var template = Array("/tmp/chand-listen-XXXXXX".utf8CString)
    let directory = try #require(
        template.withUnsafeMutableBufferPointer { $0.baseAddress.flatMap { mkdtemp($0) } })
    let path = String(cString: directory)
    for (index, type) in types.enumerated() {
        let fd = try boundSocket(type, at: "\(path)/\(index)")
        if listening { try #require(listen(fd, 5) == 0) }
        try take(3 + Int32(index), for: fd)
    }
    setenv("LISTEN_FDS", "\(types.count)", 1)
    setenv("LISTEN_PID", "\(getpid())", 1)
    setenv("LISTEN_FDNAMES", names, 1)
    return path
}

/// Gives a descriptor that number for good.
///
/// Who has it may be another thread that reads a file of /proc or /sys just now: taken from it, it would close the number
/// as its own. Whatever else has it keeps it until the end.
private func take(_ number: Int32, for fd: Int32) throws {
    while true {
        let copy = fcntl(fd, F_DUPFD, number)
        if copy == number { return }
        close(copy)
        var facts = stat()
        if fstat(number, &facts) == 0, facts.st_mode & S_IFMT != S_IFREG, facts.st_mode & S_IFMT != S_IFDIR {
            try #require(dup2(fd, number) == number)
            return
        }
        sched_yield()
    }
}

private func removeSockets(in directory: String) {
    for index in 0..<2 { unlink("\(directory)/\(index)") }
    rmdir(directory)
}

private func boundSocket(_ type: __socket_type, at path: String) throws -> Int32 {
    let made = socket(AF_UNIX, Int32(type.rawValue), 0)
    // Out of the way of the numbers that systemd uses.
    let fd = fcntl(made, F_DUPFD_CLOEXEC, 200)
    close(made)
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
    let bound = withUnsafePointer(to: &address) { pointer in
        pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
            bind(fd, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
        }
    }
    try #require(bound == 0)
    return fd
}

/// A socket that receives what a manager would.
private final class FakeManager {
    private let directory: String
    private let fd: Int32

    init() throws {
        var template = Array("/tmp/chand-notify-XXXXXX".utf8CString)
        let made = try #require(
            template.withUnsafeMutableBufferPointer { $0.baseAddress.flatMap { mkdtemp($0) } })
        directory = String(cString: made)
        fd = try boundSocket(SOCK_DGRAM, at: directory + "/0")
        setenv("NOTIFY_SOCKET", directory + "/0", 1)
    }

    deinit {
        close(fd)
        removeSockets(in: directory)
    }

    /// What was sent; sending is done when it returns, so there is nothing to wait for.
    func next() throws -> String {
        var bytes = [UInt8](repeating: 0, count: 4096)
        let count = recv(fd, &bytes, bytes.count, Int32(MSG_DONTWAIT))
        try #require(count >= 0)
        return String(decoding: bytes[..<count], as: UTF8.self)
    }
}
