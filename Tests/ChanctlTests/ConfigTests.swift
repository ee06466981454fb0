// SPDX-License-Identifier: Apache-2.0

import ChanSystem
import ChanTestSupport
import Testing

/// chanctl config: values with their origins, faults, and what keys are for.
@Suite struct ConfigTests {
    /// Runs it with a file of this text.
    static func run(_ arguments: [String], file text: String, changing: [String: String] = [:]) throws -> (
        outcome: Outcome, path: String
    ) {
        let directory = try Files.makeTemporaryDirectory(prefix: "chanctl-test")
        defer { try? Files.removeTree(directory) }
        let path = "\(directory)/chand.toml"
        try Files.write(Array(text.utf8), to: path)
        let environment = DaemonUnderTest.environment().merging(changing) { $1 }
        let outcome = try CtlProcess(arguments + [path], input: [], environment: environment).finish()
        return (outcome, path)
    }

    @Test func showSaysWhereValuesComeFrom() throws {
        let text = "[limits]\n\nsessions = 7\nmessage_bytes = \"2KiB\"\n"
        let changes = ["CHAND_LIMITS_SESSIONS": "9"]
        let (outcome, path) = try Self.run(["config", "show"], file: text, changing: changes)
        #expect(outcome.code == 0, "\(outcome.complaint)")
        #expect(outcome.lines.contains("limits.sessions = 9  # environment variable CHAND_LIMITS_SESSIONS"))
        #expect(outcome.lines.contains("limits.message_bytes = \"2KiB\"  # \(path):4"), "\(outcome.text)")
        #expect(outcome.lines.contains("daemon.log_level = \"info\"  # default"))
        let (json, file) = try Self.run(["config", "show", "--json"], file: text)
        let object = try json.json()
        #expect(object["version"] as? Int == 1)
        let keys = try #require(object["keys"] as? [[String: Any]])
        #expect(keys.allSatisfy { Set($0.keys) == ["key", "section", "name", "value", "origin"] })
        let sessions = try #require(keys.first { $0["key"] as? String == "limits.sessions" })
        #expect(sessions["value"] as? String == "7" && sessions["origin"] as? String == "\(file):3")
    }

    @Test func aVariableCountsWhateverItsValueBeginsWith() throws {
        // A mark that combines with the sign before it.
        let changes = ["CHAND_LIMITS_SESSIONS": "\u{301}9"]
        let outcome = try Self.run(["config", "check"], file: "", changing: changes).outcome
        #expect(outcome.code == 1)
        #expect(outcome.complaint.contains("CHAND_LIMITS_SESSIONS"), "\(outcome.complaint)")
    }

    @Test func checkNamesEachFault() throws {
        let good = try Self.run(["config", "check"], file: "[limits]\nsessions = 7\n").outcome
        #expect(good.code == 0 && good.output.isEmpty && good.complaint.isEmpty, "\(good.complaint)")
        let text = "[limits]\nsesions = 7\nmessage_bytes = 1\n"
        let (bad, path) = try Self.run(["config", "check"], file: text)
        #expect(bad.code == 1)
        let lines = bad.complaint.split(separator: "\n")
        #expect(
            lines.count == 2 && lines.allSatisfy { $0.hasPrefix("chanctl: \(path):") }, "\(bad.complaint)")
        #expect(bad.complaint.contains(":2: ") && bad.complaint.contains("sessions"))
        let errors = try Self.run(["config", "check", "--json"], file: text).outcome.complaint
        for line in errors.split(separator: "\n") {
            let error = try Outcome.object(Array(line.utf8), #_sourceLocation)
            #expect(error["code"] as? String == "invalidConfiguration" && error["exit"] as? Int == 1)
        }
        #expect(try ErrorTests.run(["config", "check", "/nonexistent/chand.toml"]).code == 1)
    }

    @Test func explainTellsWhatAKeyIsFor() throws {
        for name in ["limits.sessions", "sessions"] {
            let outcome = try ErrorTests.run(["config", "explain", name])
            #expect(outcome.code == 0 && outcome.lines.first == "limits.sessions")
            #expect(outcome.text.contains("Range: 1 to 1000000. Default: 4096."))
            #expect(outcome.text.contains("Environment: CHAND_LIMITS_SESSIONS."))
        }
        let object = try ErrorTests.run(["config", "explain", "limits.sessions", "--json"]).json()
        let keys = try #require(object["keys"] as? [[String: Any]])
        #expect(
            keys.count == 1 && keys[0]["default"] as? String == "4096" && keys[0]["least"] as? String == "1")
        #expect(
            Set(keys[0].keys) == [
                "key", "section", "name", "type", "unit", "least", "most", "default", "variable", "text",
            ])
        #expect(try ErrorTests.run(["config", "explain"]).lines.contains("space.name"))
        let wrong = try ErrorTests.run(["config", "explain", "limits.sesions"])
        #expect(wrong.code == 2 && wrong.complaint.contains("did you mean limits.sessions?"))
        #expect(try ErrorTests.run(["config", "exlpain"]).complaint.contains("did you mean explain?"))
        #expect(try ErrorTests.run(["config"]).code == 2)
    }
}
