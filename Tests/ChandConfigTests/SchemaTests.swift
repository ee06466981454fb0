// SPDX-License-Identifier: Apache-2.0

import ChandConfig
import Testing

/// The ends of every range, and one step beyond each.
struct SchemaTests {
    private static let bounded = ConfigurationSchema.keys.filter {
        $0.bounds != nil && $0.type != "mode" && $0.section != "channel"
    }.map(\.fullName)

    private func key(_ name: String) throws -> ConfigurationKey {
        try #require(ConfigurationSchema.keys.first { $0.fullName == name })
    }

    /// One key's value beside companions that leave no contradiction.
    private func parse(_ key: ConfigurationKey, _ value: String) throws -> Configuration {
        var companions: [String: String] = [:]
        switch key.name {
        case "message_bytes": companions = ["output_hard_limit": "\"2GiB\""]
        case "bytes_per_user": companions = ["message_bytes": "\"1KiB\""]
        case "output_high_watermark":
            companions = ["output_hard_limit": "\"2GiB\"", "output_low_watermark": "0"]
        case "output_low_watermark":
            companions = ["output_hard_limit": "\"2GiB\"", "output_high_watermark": "\"1GiB\""]
        case "output_hard_limit":
            companions = [
                "message_bytes": "1024", "output_high_watermark": "\"16KiB\"", "output_low_watermark": "0",
            ]
        default: break
        }
        let others = companions.map { "\($0.key) = \($0.value)\n" }.joined()
        return try Configuration.parse(
            "[\(key.section)]\n\(key.name) = \(value)\n\(others)", file: "chand.toml")
    }

    @Test(arguments: bounded)
    func endsAreAllowed(name: String) throws {
        let key = try key(name)
        let bounds = try #require(key.bounds)
        #expect(try parse(key, bounds.least).text(of: name) == bounds.least)
        // The greatest low watermark contradicts even the greatest high one.
        guard name != "limits.output_low_watermark" else { return }
        #expect(try parse(key, bounds.most).text(of: name) == bounds.most)
    }

    @Test(arguments: bounded)
    func beyondTheEndsIsRefused(name: String) throws {
        let key = try key(name)
        let bounds = try #require(key.bounds)
        for value in [try step(bounds.least, by: -1, key.type), try step(bounds.most, by: 1, key.type)] {
            do {
                _ = try parse(key, value)
                Issue.record("\(name) = \(value) was accepted")
            } catch let error as ConfigurationError {
                #expect(error.problems.map(\.key) == [name])
                #expect(error.problems.map(\.code) == [.impossibleValue])
                #expect(error.problems.first?.origin == .file(path: "chand.toml", line: 2))
            }
        }
    }

    private func step(_ bound: String, by step: Int, _ type: String) throws -> String {
        let text = bound.filter { $0 != "\"" }
        switch type {
        case "size": return "\(try #require(Quantity.bytes(text)) + step)"
        case "duration":
            let (seconds, attoseconds) = try #require(Quantity.duration(text)).components
            return "\"\(seconds * 1_000_000_000 + attoseconds / 1_000_000_000 + Int64(step))ns\""
        default: return "\(try #require(Int(text)) + step)"
        }
    }

    /// What a basic string of TOML writes with a backslash comes back the same.
    @Test(arguments: [#"/run/a\"b"#, #"/run/a\\b"#, #"/run/\u00e4\\u00e4"#, "/run/ä", "/run/a b"])
    func textIsWrittenAsItIsRead(path: String) throws {
        let configuration = try Configuration.parse("[daemon]\nsocket = \"\(path)\"\n", file: "f")
        let text = try #require(configuration.text(of: "daemon.socket"))
        let again = try Configuration.parse("[daemon]\nsocket = \(text)\n", file: "f")
        #expect(again.daemon.socketPath == configuration.daemon.socketPath)
    }

    /// A line of a log, a status, a table: each would be torn in two.
    @Test(arguments: [#"\r"#, #"\n"#, #"\u0000"#, #"\u001b"#, #"\u007f"#, #"\u0085"#])
    func controlCharactersAreRefusedAndShownEscaped(character: String) {
        let socket = problem(
            "[daemon]\nsocket = \"/run/a\(character)b\"\n", .impossibleValue, line: 2, key: "daemon.socket")
        #expect(socket.contains("/run/a\\u00"))
        let name = problem(
            "[[channel]]\nname = \"/pub/a\(character)b\"\n", .impossibleValue, line: 2, key: "channel.name")
        #expect(name.contains("/pub/a\\u00"))
    }

    @Test func modes() throws {
        for text in ["0600", "0660", "0777", "660"] {
            let configuration = try Configuration.parse("[daemon]\nsocket_mode = \"\(text)\"\n", file: "f")
            #expect(configuration.daemon.socketMode == UInt32(text, radix: 8))
        }
    }

    @Test func defaultsContradictNothing() throws {
        #expect(try Configuration.parse("", file: "f") == Configuration())
    }

    @Test func namesAreUniqueAndDocumented() {
        let keys = ConfigurationSchema.keys
        #expect(Set(keys.map(\.fullName)).count == keys.count)
        let variables = keys.compactMap(\.environmentVariable)
        #expect(Set(variables).count == variables.count)
        for key in keys {
            #expect(!key.documentation.isEmpty && !key.unit.isEmpty)
            #expect(key.shippedLines.allSatisfy { $0.utf8.count <= 110 }, "\(key.fullName)")
        }
    }

    @Test(
        arguments: [
            ("20us", 20_000), ("50ms", 50_000_000), ("1.5s", 1_500_000_000), ("2m", 120_000_000_000),
            ("1h", 3_600_000_000_000), ("5", 5_000_000_000), ("0.1", 100_000_000), ("0.000000001s", 1),
            ("0s", 0),
        ] as [(String, Int64)])
    func durations(text: String, nanoseconds: Int64) {
        let duration = Quantity.duration(text)
        #expect(duration == .nanoseconds(nanoseconds))
        #expect(duration.flatMap { Quantity.duration(Quantity.text($0)) } == duration)
    }

    @Test(arguments: [
        "", "s", "-1s", "1.s", ".5s", "1.2.3s", "1 week", "1e3s", "0.5ns", "99999999999h", "٣s",
    ])
    func notDurations(text: String) {
        #expect(Quantity.duration(text) == nil)
    }

    @Test(arguments: [
        ("512", 512), ("512B", 512), ("64KiB", 65536), ("1MiB", 1 << 20), ("1.5KiB", 1536), ("2GiB", 2 << 30),
        ("1 TiB", 1 << 40), ("0", 0),
    ])
    func sizes(text: String, bytes: Int) {
        #expect(Quantity.bytes(text) == bytes)
        #expect(Quantity.bytes(Quantity.text(bytes: bytes)) == bytes)
    }

    @Test(arguments: ["", "KiB", "1KB", "1kib", "-5", "1.1KiB", "0.3B", "99999999TiB"])
    func notSizes(text: String) {
        #expect(Quantity.bytes(text) == nil)
    }
}
