// SPDX-License-Identifier: Apache-2.0

import Glibc
import Testing

@testable import Channels

/// A forked child may not use its parent's connection (rule X4).
@Suite struct ForkTests {
    @Test func theChildIsToldAndDoesNotHang() async throws {
        let (_, client, channel) = try await ScriptedDaemon.opened()
        let memory = UnsafeMutableRawPointer.allocate(byteCount: 16, alignment: 16)
        defer { memory.deallocate() }
        let operation = SingleReceive(try #require(channel.backend.remote), into: memory, timeout: -1)
        let child = try forkProcess()
        if child == 0 {
            // No task can run here, so this is what the library does before it suspends one.
            client.loop.begin(operation)
            operation.cancel()
            client.loop.abandonHandle(3, session: 1)
            _exit(client.loop.isHere ? 1 : 0)
        }
        var status: Int32 = -1
        #expect(waitpid(child, &status, 0) == child)
        #expect(status == 0)
        #expect(client.loop.isHere)
    }
}

/// Swift hides `fork`, and rightly so; the C library has it all the same.
func forkProcess() throws -> pid_t {
    let symbol = try #require(dlsym(nil, "fork"))
    // The symbol's type is the C library's: no arguments, a process number.
    return unsafeBitCast(symbol, to: (@convention(c) () -> pid_t).self)()
}
