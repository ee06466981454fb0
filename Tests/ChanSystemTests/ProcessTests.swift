// SPDX-License-Identifier: Apache-2.0

import ChanSystem
import Testing

@Suite("Processes", .apart)
struct ProcessTests {
    private let shell = "/bin/sh"

    @Test("the exit code comes back, again and again")
    func exitCode() throws {
        let child = try ChildProcess.spawn(shell, arguments: ["-c", "exit 7"])
        #expect(try child.wait() == .exited(7))
        #expect(try child.wait(timeoutMilliseconds: 0) == .exited(7))
        try child.kill(.terminate)
    }

    @Test("a child runs until it is killed")
    func kill() throws {
        let pipe = try Descriptor.pipe()
        let child = try ChildProcess.spawn("/bin/cat", stdin: .descriptor(pipe.reading.raw))
        #expect(try child.wait(timeoutMilliseconds: 1) == nil)
        try child.kill(.terminate)
        #expect(try child.wait(timeoutMilliseconds: 60_000) == .signalled(.terminate))
        _ = consume pipe
    }

    @Test("streams, environment, directory and passed descriptors are as asked")
    func surroundings() throws {
        try withScratchDirectory { directory in
            let output = try Descriptor.pipe()
            let extra = try Descriptor.pipe()
            let child = try ChildProcess.spawn(
                shell,
                arguments: ["-c", "echo \"$1 $GREETING $PWD\"; echo five >&4; cat", "sh", "an argument"],
                environment: ["GREETING": "hello"], stdin: .null,
                stdout: .descriptor(output.writing.raw), passing: [0, extra.writing.raw],
                directory: directory)
            #expect(try child.wait().isSuccess)
            try Descriptor.setNonBlocking(output.reading.raw)
            try Descriptor.setNonBlocking(extra.reading.raw)
            #expect(drain(output.reading.raw) == Array("an argument hello \(directory)\n".utf8))
            #expect(drain(extra.reading.raw) == Array("five\n".utf8))
        }
    }

    @Test("a child gets no other descriptors than it is given, however they cross")
    func descriptors() throws {
        let output = try Descriptor.pipe()
        let write = output.writing.raw
        let child = try ChildProcess.spawn(
            "/bin/ls", arguments: ["/proc/self/fd"], stdin: .descriptor(write), stdout: .descriptor(write),
            stderr: .descriptor(write), passing: [2, 1])
        #expect(try child.wait().isSuccess)
        try Descriptor.setNonBlocking(output.reading.raw)
        // 5 is the directory that ls reads.
        #expect(String(decoding: drain(output.reading.raw), as: UTF8.self) == "0\n1\n2\n3\n4\n5\n")
    }

    @Test("what cannot be started is an error at once")
    func notStarted() {
        let missing = failure { () throws(SystemError) in _ = try ChildProcess.spawn("/nonexistent") }
        #expect(missing?.description == "posix_spawn /nonexistent: No such file or directory")
        let plan = SystemFaults([.init(.dup, nth: 2, errno: SystemError.descriptorsExhausted)])
        let full = failure { () throws(SystemError) in
            try plan.run { () throws(SystemError) in _ = try ChildProcess.spawn("/bin/true") }
        }
        #expect(full?.errno == SystemError.descriptorsExhausted)
    }

    @Test("the process knows itself")
    func facts() throws {
        #expect(try Files.exists(ThisProcess.executablePath()))
        #expect(ThisProcess.environment("PATH") == ThisProcess.environment()["PATH"])
        #expect(ThisProcess.environment("NO_SUCH_VARIABLE") == nil)
        #expect(try ThisProcess.residentBytes() > 1 << 20)
        #expect(try ThisProcess.openDescriptors() >= 3)
        let limit = try ThisProcess.descriptorLimit()
        #expect(limit.soft <= limit.hard)
        try ThisProcess.setDescriptorLimit(limit.soft)
        let pipe = try Descriptor.pipe()
        #expect(!Terminal.isTerminal(pipe.reading.raw))
        #expect(Terminal.size(pipe.reading.raw) == nil)
    }

    @Test("a thread stays on the processors it is pinned to")
    func pinning() throws {
        let allowed = try ThisProcess.processors()
        let pinned = Lock<[Int]>([])
        let thread = try NativeThread.start(name: "pinned") {
            try? ThisProcess.pinThread(to: [allowed[0]])
            let now = (try? ThisProcess.processors()) ?? []
            pinned.withLock { $0 = now }
        }
        thread.join()
        #expect(pinned.withLock { $0 } == [allowed[0]])
        let error = failure { () throws(SystemError) in try ThisProcess.pinThread(to: [-1]) }
        #expect(error?.errno == SystemError.invalidArgument)
    }

    @Test("a tree goes with all that is in it, and nothing that it points to")
    func removeTree() throws {
        try withScratchDirectory { directory in
            try Files.makeDirectory(directory + "/a")
            try Files.makeDirectory(directory + "/a/b")
            try Files.write([1], to: directory + "/a/b/f")
            try Files.write([1], to: directory + "/kept")
            let link = try ChildProcess.spawn(
                "/bin/ln", arguments: ["-s", directory + "/kept", directory + "/a/l"])
            #expect(try link.wait().isSuccess)
            try Files.removeTree(directory + "/a")
            #expect(try Files.names(in: directory) == ["kept"])
        }
    }
}
