// SPDX-License-Identifier: Apache-2.0

import ChandConfig
import Glibc
import Testing

/// A configuration that somebody else could have written is not read.
struct FileTests {
    private func refusal(
        mode: mode_t = 0o644, owner: uid_t? = nil, daemonUserID: UInt32? = nil
    ) throws -> ConfigurationProblem? {
        try withTemporaryDirectory { directory in
            let path = directory + "/chand.toml"
            try write("[limits]\nsessions = 7\n", to: path, mode: mode)
            if let owner { try #require(chown(path, owner, gid_t.max) == 0) }
            do {
                let configuration = try Configuration.load(path: path, daemonUserID: daemonUserID)
                #expect(configuration.limits.sessions == 7)
                return nil
            } catch let error as ConfigurationError {
                #expect(error.problems.count == 1)
                #expect(error.problems.first?.origin == .file(path: path, line: 0))
                return error.problems.first
            }
        }
    }

    @Test(arguments: [0o644, 0o600, 0o640, 0o755] as [mode_t])
    func accepted(mode: mode_t) throws {
        #expect(try refusal(mode: mode) == nil)
    }

    @Test(arguments: [0o664, 0o646, 0o666, 0o620] as [mode_t])
    func writableByOthers(mode: mode_t) throws {
        let problem = try refusal(mode: mode)
        #expect(problem?.code == .unsafePermissions)
        #expect(problem?.message.contains("chmod go-w") == true)
    }

    @Test func ofAnotherUser() throws {
        if geteuid() == 0 {
            let problem = try refusal(owner: 54321)
            #expect(problem?.code == .unsafePermissions)
            #expect(problem?.message.contains("user 54321") == true)
            #expect(try refusal(owner: 54321, daemonUserID: 54321) == nil)
        } else {
            #expect(try refusal(daemonUserID: geteuid() + 1)?.code == .unsafePermissions)
        }
    }

    @Test func missingWhereNamed() throws {
        try withTemporaryDirectory { directory in
            do {
                _ = try Configuration.load(path: directory + "/none.toml")
                Issue.record("accepted")
            } catch let error as ConfigurationError {
                #expect(error.description == "\(directory)/none.toml: there is no such file")
            }
        }
    }

    @Test(arguments: ["/dev/null", "/"])
    func notAFile(path: String) throws {
        do {
            _ = try Configuration.load(path: path)
            Issue.record("accepted")
        } catch {
            #expect(error.problems.map(\.code) == [.unreadable])
        }
    }

    /// Opening it to read would wait for somebody who writes.
    @Test func pipe() throws {
        try withTemporaryDirectory { directory in
            try #require(mkfifo(directory + "/pipe", 0o600) == 0)
            #expect(throws: ConfigurationError.self) { try Configuration.load(path: directory + "/pipe") }
        }
    }

    @Test func tooLarge() throws {
        try withTemporaryDirectory { directory in
            try write(String(repeating: "# comment\n", count: 110_000), to: directory + "/large.toml")
            #expect(throws: ConfigurationError.self) {
                try Configuration.load(path: directory + "/large.toml")
            }
        }
    }
}
