// SPDX-License-Identifier: Apache-2.0

import ChandConfig
import Testing

/// `config/chand.toml` is documentation that can't be wrong: it is held against the schema.
struct ShippedFileTests {
    private static func shipped() throws -> [String] {
        try contents(of: packageRoot() + "/config/chand.toml").split(
            separator: "\n", omittingEmptySubsequences: false
        ).map(String.init)
    }

    @Test(arguments: ConfigurationSchema.keys.map(\.fullName))
    func everyKeyIsDocumentedWithUnitAndDefault(name: String) throws {
        let key = try #require(ConfigurationSchema.keys.first { $0.fullName == name })
        let lines = try Self.shipped()
        let header = Self.header(of: key.section)
        let start = try #require(lines.firstIndex(of: header))
        let section = lines[(start + 1)...].prefix { !$0.hasPrefix("[") && !$0.hasPrefix("#[") }
        // What the shipped file sets stands in the place of the commented default.
        let expected = key.shippedLines.filter { !$0.hasPrefix("#\(key.name) = ") }
        let found = section.indices.contains { index in section[index...].starts(with: expected) }
        #expect(
            found, "config/chand.toml lacks below \(header):\n\(key.shippedLines.joined(separator: "\n"))")
        let assignments = section.filter { $0.hasPrefix("#\(key.name) = ") || $0.hasPrefix("\(key.name) = ") }
        #expect(assignments.count == 1)
        if !["space", "channel"].contains(key.section) || key.defaultText != nil && key.section == "channel" {
            #expect(assignments.first == key.shippedLines.last)
        }
    }

    private static func header(of section: String) -> String {
        switch section {
        case "space": "[[space]]"
        case "channel": "#[[channel]]"
        default: "[\(section)]"
        }
    }

    /// The shipped file declares no channel: its block is an example, whose other keys have their defaults.
    @Test func theExampleOfAChannelIsOne() throws {
        let block = try Self.shipped().drop { $0 != "#[[channel]]" }.map { line in
            line.wholeMatch(of: #/#([a-z_]+ = .*|\[\[channel\]\])/#) == nil ? line : String(line.dropFirst())
        }
        let text = "[[space]]\nname = \"pub\"\n" + block.joined(separator: "\n")
        let configuration = try Configuration.parse(text, file: "chand.toml")
        #expect(configuration.channels == [ChannelDeclaration(name: "/pub/jobs")])
    }

    @Test func commentedDefaultsAreTheCodes() throws {
        let uncommented = try Self.shipped().prefix { $0 != "#[[channel]]" }.map { line in
            line.wholeMatch(of: #/#[a-z_]+ = .*/#) == nil ? line : String(line.dropFirst())
        }
        let text = uncommented.joined(separator: "\n")
        var expected = Configuration()
        expected.spaces = [SharedSpace(name: "pub", groups: [NamedID(name: "chand-users", id: 4321)])]
        let names = NameLookup(user: { _ in .unknown }, group: { $0 == "chand-users" ? .id(4321) : .unknown })
        #expect(try Configuration.parse(text, file: "chand.toml", names: names) == expected)
    }

    @Test func loadsWhereTheGroupIsMissing() throws {
        let names = NameLookup(user: { _ in .unknown }, group: { _ in .unknown })
        let text = try contents(of: packageRoot() + "/config/chand.toml")
        let configuration = try Configuration.parse(text, file: "chand.toml", names: names)
        #expect(configuration.spaces == [SharedSpace(name: "pub")])
        #expect(configuration.warnings.map(\.code) == [.unknownName])
        #expect(configuration.warnings.first?.message.contains("chand-users") == true)
    }

    @Test func documentsNothingElse() throws {
        let names = Set(ConfigurationSchema.keys.map(\.name))
        for line in try Self.shipped() {
            guard let match = line.wholeMatch(of: #/#?([a-z_]+) = .*/#) else { continue }
            #expect(names.contains(String(match.1)), "\(line)")
        }
    }
}
