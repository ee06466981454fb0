// SPDX-License-Identifier: Apache-2.0

import ChandConfig
import Testing

/// Environment over file, flags over both, all with the same checks.
struct OverrideTests {
    private func load(
        _ file: String, environment: [String: String] = [:], overrides: [ConfigurationOverride] = []
    ) throws -> Configuration {
        try withTemporaryDirectory { directory in
            try write(file, to: directory + "/chand.toml")
            return try Configuration.load(
                path: directory + "/chand.toml", environment: environment, overrides: overrides)
        }
    }

    private func refused(
        environment: [String: String] = [:], overrides: [ConfigurationOverride] = []
    ) throws -> [ConfigurationProblem] {
        do {
            _ = try load("", environment: environment, overrides: overrides)
            Issue.record("accepted")
            return []
        } catch let error as ConfigurationError {
            return error.problems
        }
    }

    @Test func precedence() throws {
        let file = "[limits]\nsessions = 10\nsessions_per_user = 10\nmessages_per_user = 10\n"
        let environment = [
            "CHAND_LIMITS_SESSIONS": "20", "CHAND_LIMITS_SESSIONS_PER_USER": "20", "HOME": "/",
        ]
        let override = try #require(ConfigurationOverride(assignment: "limits.sessions=30", option: "--set"))
        let limits = try load(file, environment: environment, overrides: [override]).limits
        #expect(limits.sessions == 30)
        #expect(limits.sessionsPerUser == 20)
        #expect(limits.messagesPerUser == 10)
    }

    @Test(arguments: ConfigurationSchema.keys.filter { $0.environmentVariable != nil }.map(\.fullName))
    func everyKeyByEnvironmentAndFlag(name: String) throws {
        let key = try #require(ConfigurationSchema.keys.first { $0.fullName == name })
        let variable = try #require(key.environmentVariable)
        let written = key.bounds?.most ?? key.defaultText ?? ""
        let text = written.filter { $0 != "\"" }
        // What the greatest value of these needs beside it is the other tests' business.
        let value =
            ["message_bytes", "output_high_watermark", "output_low_watermark"].contains(key.name)
            ? "512KiB" : text
        let expected = value == text ? written : "\"512KiB\""
        let byEnvironment = try load("", environment: [variable: value])
        #expect(byEnvironment.text(of: name) == expected)
        var byFlag = Configuration()
        try byFlag.set(ConfigurationOverride(key: name, text: value, option: "--set"))
        #expect(byFlag == byEnvironment)
    }

    @Test func environmentNames() {
        let variables = ConfigurationSchema.keys.compactMap(\.environmentVariable)
        #expect(variables.contains("CHAND_SOCKET"))
        #expect(variables.contains("CHAND_LOG_LEVEL"))
        #expect(variables.contains("CHAND_LOOP_SPIN"))
    }

    @Test func faultInTheEnvironmentNamesTheVariable() throws {
        let found = try refused(environment: ["CHAND_LIMITS_SESSIONS": "many"])
        #expect(found.map(\.origin) == [.environment(variable: "CHAND_LIMITS_SESSIONS")])
        #expect(found.map(\.key) == ["limits.sessions"])
        #expect(found.first?.description.hasPrefix("environment variable CHAND_LIMITS_SESSIONS: ") == true)
    }

    @Test func foreignVariablesAreWarnedOf() throws {
        let configuration = try load("", environment: ["CHAND_LIMITS_SESIONS": "5"])
        #expect(configuration.warnings.map(\.code) == [.unknownKey])
        #expect(configuration.warnings.first?.message.contains("CHAND_LIMITS_SESSIONS") == true)
    }

    @Test func faultInAFlagNamesTheFlag() throws {
        let found = try refused(overrides: [
            ConfigurationOverride(key: "socket", text: "x", option: "--socket")
        ])
        #expect(found.map(\.origin) == [.flag("--socket")])
        #expect(found.map(\.key) == ["daemon.socket"])
        #expect(found.map(\.code) == [.impossibleValue])
    }

    @Test func unknownKeyInAFlag() throws {
        let override = try #require(ConfigurationOverride(assignment: "limits.sesions=3", option: "--set"))
        let found = try refused(overrides: [override])
        #expect(found.map(\.origin) == [.flag("--set limits.sesions")])
        #expect(found.first?.message.contains("did you mean sessions?") == true)
    }

    @Test func assignmentWithoutValue() {
        #expect(ConfigurationOverride(assignment: "limits.sessions", option: "--set") == nil)
    }

    @Test func contradictionBetweenFileAndFlagNamesTheFlag() throws {
        var configuration = Configuration()
        let override = ConfigurationOverride(key: "limits.message_bytes", text: "8MiB", option: "--set")
        do {
            try configuration.set(override)
            Issue.record("accepted")
        } catch {
            #expect(error.problems.map(\.origin) == [.flag("--set")])
            #expect(configuration == Configuration())
        }
    }

    @Test func privateDefaults() {
        var expected = Configuration()
        expected.daemon.socketPath = "/tmp/x/chand.sock"
        let configuration = Configuration.privateDefaults(socket: "/tmp/x/chand.sock")
        #expect(configuration.everySpaceUserID != nil)
        expected.everySpaceUserID = configuration.everySpaceUserID
        #expect(configuration == expected)
    }
}
