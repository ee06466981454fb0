// SPDX-License-Identifier: Apache-2.0

import ChanSystem
import ChanTestSupport
import Channels
import Glibc
import Synchronization
import Testing

/// Selects on what is no channel: tasks, signals, children, descriptors; each alone, beside a near and a far channel.
@Suite struct SourceTests {
    /// Runs a body without and with a far channel, on which nothing comes, beside the source.
    private func beside(
        _ body: @Sendable @concurrent (_ idle: Chan<Int>, _ near: Chan<Int>) async throws -> Void
    ) async throws {
        try await body(Chan<Int>(), Chan<Int>())
        try await withDaemon { _, client in
            try await body(try await client.channel("idle", capacity: 0, of: Int.self), Chan<Int>())
        }
    }

    // MARK: - Tasks

    @Test func aTasksValue() async throws {
        try await beside { idle, near in
            let gate = Chan<Int>()
            let task = Task { try await gate.receive() * 2 }
            @Sendable func once() async throws -> String {
                try await select {
                    finished(task) { "task \($0)" }
                    receive(from: idle) { "idle \($0)" }
                    receive(from: near) { "near \($0)" }
                }
            }
            // The other case wins: the task is as it was.
            async let first = once()
            try await near.send(1)
            #expect(try await first == "near 1")
            async let several = [once(), once()]
            try await gate.send(4)
            #expect(try await several == ["task 8", "task 8"])
            #expect(try await once() == "task 8")
            // It has ended: that can be seen without waiting.
            #expect(try await trySelect([finished(task), receive(from: idle)])?.element() == 8)
            #expect(try await trySelect([receive(from: idle), receive(from: near)]) == nil)
        }
    }

    @Test func aTaskThatThrows() async throws {
        struct Broken: Error {}
        let task = Task<Void, any Error> { throw Broken() }
        await #expect(throws: Broken.self) { try await select { finished(task) { _ in 1 } } }
        #expect(try await select { finished(task, { _ in "done" }, failed: { "\($0 is Broken)" }) } == "true")
        let winner = try await select([finished(task)])
        guard case .failed(let error) = winner.outcome else { throw LiveFailure("\(winner)") }
        #expect(error is Broken)
        let started = go { "started" }
        #expect(try await select { finished(started) { $0 } } == "started")
        let nothing = Task {}
        #expect(try await select { finished(nothing) { 2 } } == 2)
    }

    /// A loop of selects on a task that goes on leaves nothing behind.
    @Test func manySelectsWaitForATaskOnce() async throws {
        let gate = Chan<Int>()
        let task = Task { try await gate.receive() }
        let near = Chan<Int>(size: 1)
        for round in 0..<2000 {
            try await near.send(round)
            #expect(try await select([finished(task), receive(from: near)]).element() == round)
        }
        try await gate.send(7)
        #expect(try await select { finished(task) { $0 } } == 7)
    }

    /// Who only ever tries sees that a task has ended, on a client's thread too, where tasks begin elsewhere.
    @Test func triesSeeTheEnd() async throws {
        try await withDaemon { _, client in
            let task = Task { 3 }
            _ = await task.value
            try await client.run {
                for _ in 0..<1000 {
                    if let winner = try await trySelect([finished(task)]) {
                        #expect(winner.element() == 3)
                        return
                    }
                }
                throw LiveFailure("never seen")
            }
        }
    }

    // MARK: - Descriptors

    @Test func aReadableDescriptor() async throws {
        try await beside { idle, near in
            let pipe = try Descriptor.pipe()
            let fd = pipe.reading.raw
            @Sendable func once() async throws -> String {
                try await select {
                    readable(fd) { "readable" }
                    receive(from: idle) { "idle \($0)" }
                    receive(from: near) { "near \($0)" }
                }
            }
            #expect(try await trySelect([readable(fd), receive(from: near)]) == nil)
            for round in 0..<20 {
                async let winner = once()
                if round.isMultiple(of: 2) {
                    try await near.send(round)
                    #expect(try await winner == "near \(round)")
                } else {
                    try write("x", to: pipe.writing.raw)
                    #expect(try await winner == "readable")
                    // Nothing was read, so it is readable still.
                    #expect(try await once() == "readable")
                    #expect(try read(fd) == "x")
                }
            }
            // Several at once on the same one.
            async let several = [once(), once()]
            try write("y", to: pipe.writing.raw)
            #expect(try await several == ["readable", "readable"])
            #expect(try await select([readable(fd)]).element() == fd)
        }
    }

    @Test func theEndOfADescriptorAndAFile() async throws {
        var pipe = try Descriptor.pipe()
        let fd = pipe.reading.raw
        async let end = select { readable(fd) { "end" } }
        pipe.writing = try Files.open(reading: "/dev/null")
        #expect(try await end == "end")
        let file = try Files.open(reading: "/proc/self/status")
        let number = file.raw
        #expect(try await select { readable(number) { "file" } } == "file")
    }

    @Test func whatCanNotBeWatched() async throws {
        let near = Chan<Int>(size: 1)
        try await near.send(1)
        let cases: [(SelectCase<SelectWinner>, Int32)] = [
            (readable(1 << 20), EBADF), (readable(-1), EBADF), (exited(1), ECHILD),
            (exited(ThisProcess.pid), ECHILD),
            (exited(-1), EINVAL), (signal(SIGKILL), EINVAL), (signal(SIGSEGV), EINVAL), (signal(0), EINVAL),
            (signal(10_000), EINVAL),
        ]
        for (candidate, errno) in cases {
            let error = await #expect(throws: ChandError.self) {
                try await select([candidate, receive(from: near)])
            }
            #expect(error?.code == .cannotWatch)
            #expect(error?.errno == errno)
        }
        // Nothing was received.
        #expect(try await near.receive() == 1)
        #expect(throws: ChandError.self) { try signals(SIGSTOP) }
    }

    // MARK: - Children

    @Test func aChildsEnd() async throws {
        try await beside { idle, near in
            for (script, status) in [
                ("read x; exit 3", ProcessStatus.exited(3)), ("read x; kill -9 $$", .signalled(9)),
            ] {
                let input = try Descriptor.pipe()
                let child = try ChildProcess.spawn(
                    "/bin/sh", arguments: ["-c", script], stdin: .descriptor(input.reading.raw))
                let pid = child.pid
                @Sendable func once() async throws -> String {
                    try await select {
                        exited(pid) { "\($0)" }
                        receive(from: idle) { "idle \($0)" }
                        receive(from: near) { "near \($0)" }
                    }
                }
                async let first = once()
                try await near.send(1)
                #expect(try await first == "near 1")
                async let several = [once(), once()]
                try write("\n", to: input.writing.raw)
                #expect(try await several == ["\(status)", "\(status)"])
                // It is gone, and was not reaped: whoever has started it can wait for it.
                #expect(try await trySelect([exited(pid)])?.element() == status)
                #expect(try child.wait().isSuccess == false)
                await #expect(throws: ChandError.self) { try await once() }
            }
        }
    }

    // MARK: - Signals

    @Test func oneSelectTakesASignal() async throws {
        let number = firstRealTime + 3
        try await beside { idle, near in
            @Sendable func once() async throws -> String {
                try await select {
                    signal(number) { "signal" }
                    receive(from: idle) { "idle \($0)" }
                    receive(from: near) { "near \($0)" }
                }
            }
            // Watched from now on.
            #expect(try await trySelect([signal(number)]) == nil)
            async let one = once()
            async let other = once()
            kill(getpid(), number)
            try await near.send(5)
            #expect(Set(try await [one, other]) == ["signal", "near 5"])
            // One that comes while no select waits is kept, several as one; and it is not lost to another case.
            let copy = try signals(number)
            kill(getpid(), number)
            #expect(try await copy.receive() == number)
            async let third = once()
            #expect(try await third == "signal")
            #expect(try await trySelect([signal(number)]) == nil)
        }
    }

    @Test func everyChannelGetsASignal() async throws {
        let channels = try (0..<3).map { _ in try signals(SIGUSR1) }
        let set = SelectSet<Int>()
        for (index, channel) in channels.enumerated() { set.receive(index, from: channel) }
        kill(getpid(), SIGUSR1)
        var ids: Set<Int> = []
        while let ended = try await set.select() {
            ids.insert(ended.id)
            #expect(ended.element() == SIGUSR1)
        }
        #expect(ids == [0, 1, 2])
    }

    /// What the program does with its signals is its own: its handler goes on, and what it leaves to the system as well.
    @Test func handlersStay() async throws {
        let number = firstRealTime + 4
        var action = sigaction()
        action.__sigaction_handler.sa_handler = { _ in handled.add(1, ordering: .relaxed) }
        sigaction(number, &action, nil)
        do {
            let channel = try signals(number)
            kill(getpid(), number)
            #expect(try await channel.receive() == number)
            #expect(handled.load(ordering: .relaxed) == 1)
        }
        // Nobody holds it any more.
        for count in 2...4 {
            kill(getpid(), number)
            for _ in 0..<30_000 where handled.load(ordering: .relaxed) < count { await Task.yield() }
            #expect(handled.load(ordering: .relaxed) == count)
        }
    }

    @Test func theDefaultActionComesBack() async throws {
        let agent = try await onThread { () throws -> ChanSystem.ExitStatus in
            let child = try ChildProcess.spawn(
                try BuiltProgram.path("chand-test-agent"), arguments: ["signals"])
            return try child.wait()
        }
        #expect(agent == .signalled(.terminate))
    }

    // MARK: - Races

    @Test func cancellationHasNoEffect() async throws {
        let number = firstRealTime + 5
        let pipe = try Descriptor.pipe()
        let fd = pipe.reading.raw
        let child = try ChildProcess.spawn("/bin/sleep", arguments: ["1000"])
        defer { try? child.kill(.kill) }
        let pid = child.pid
        let endless = Task { try await never(of: Int.self).receive() }
        defer { endless.cancel() }
        for _ in 0..<50 {
            let waiting = Task {
                try await select([finished(endless), signal(number), exited(pid), readable(fd)])
            }
            waiting.cancel()
            await #expect(throws: CancellationError.self) { try await waiting.value }
        }
        kill(getpid(), number)
        #expect(try await select([finished(endless), signal(number), exited(pid), readable(fd)]).index == 1)
        let before = try ThisProcess.openDescriptors()
        for _ in 0..<50 {
            #expect(try await select([exited(pid), readable(fd)], timeout: .zero) == nil)
        }
        #expect(try ThisProcess.openDescriptors() <= before + 20)
    }

    /// A signal and messages at once, in many rounds and several selects: every one is taken, once.
    @Test func nothingIsLostOrTakenTwice() async throws {
        let number = firstRealTime + 6
        #expect(try await trySelect([signal(number)]) == nil)
        try await withDaemon { _, client in
            let far = try await client.channel("far", capacity: 0, of: Int.self)
            let near = Chan<Int>()
            let taken = Chan<Int>()
            let stop = Chan<Int>()
            let rounds = 200
            let takers = (0..<2).map { _ in
                go {
                    var counts = [0, 0, 0]
                    while true {
                        let winner = try await select([
                            receive(from: near), receive(from: far), signal(number), receive(from: stop),
                        ])
                        if winner.isClosed { return counts }
                        counts[winner.index] += 1
                        if winner.index == 2 { try await taken.send(1) }
                    }
                }
            }
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { for round in 0..<rounds { try await near.send(round) } }
                group.addTask { for round in 0..<rounds { try await far.send(round) } }
                group.addTask {
                    for _ in 0..<rounds {
                        kill(getpid(), number)
                        _ = try await taken.receive()
                    }
                }
                try await group.waitForAll()
            }
            try await stop.close()
            var sum = [0, 0, 0]
            for taker in takers {
                for (index, count) in try await taker.value.enumerated() { sum[index] += count }
            }
            #expect(sum == [rounds, rounds, rounds])
        }
    }

    /// Bytes and messages at once: a byte is read by whoever was told of it, and the rest is there later.
    @Test func bytesAndMessages() async throws {
        let pipe = try Descriptor.pipe()
        let fd = pipe.reading.raw
        let near = Chan<Int>()
        let rounds = 500
        let output = pipe.writing.raw
        let writer = go { for _ in 0..<rounds { try write("x", to: output) } }
        let sender = go { for round in 0..<rounds { try await near.send(round) } }
        var bytes = 0
        var messages = 0
        while bytes < rounds || messages < rounds {
            switch try await select([readable(fd), receive(from: near)]).index {
            case 0: bytes += try read(fd).utf8.count
            default: messages += 1
            }
        }
        #expect(bytes == rounds)
        #expect(messages == rounds)
        try await writer.value
        try await sender.value
        withExtendedLifetime(pipe.writing) {}
    }
}

/// `SIGRTMIN`, which is a macro.
private let firstRealTime: Int32 = 34

private let handled = Atomic<Int>(0)

private func write(_ text: String, to descriptor: Int32) throws {
    try Array(text.utf8).withUnsafeBytes { try Transfer.writeAll(descriptor, $0) }
}

/// What there is, up to 16 bytes.
private func read(_ descriptor: Int32) throws -> String {
    var buffer = [UInt8](repeating: 0, count: 16)
    guard case .bytes(let count) = buffer.withUnsafeMutableBytes({ Transfer.read(descriptor, into: $0) })
    else {
        throw LiveFailure("nothing to read")
    }
    return String(decoding: buffer[..<count], as: UTF8.self)
}
