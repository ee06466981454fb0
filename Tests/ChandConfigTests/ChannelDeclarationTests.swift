// SPDX-License-Identifier: Apache-2.0

import ChandConfig
import Glibc
import Testing

/// Declared channels, and the drop-ins in which services bring theirs.
struct ChannelDeclarationTests {
    private static let names = NameLookup(
        user: { $0 == "ann" ? .id(1001) : .unknown }, group: { $0 == "staff" ? .id(50) : .unknown })

    private static let space = "[[space]]\nname = \"pub\"\n"

    @Test func everyKey() throws {
        let text =
            Self.space + """
                [[channel]]
                name = "/pub/a/jobs"
                capacity = 16
                type = "job"
                owner = "ann"
                group = "staff"
                mode = "0640"
                close_with_last_sender = true
                fail_with_last_receiver = true
                max_bytes = "1MiB"
                [[channel]]
                name = "/uid/1000/x"
                capacity = -1
                owner = 7
                """
        let channels = try Configuration.parse(text, file: "f", names: Self.names).channels
        var first = ChannelDeclaration(name: "/pub/a/jobs")
        first.capacity = 16
        first.typeTag = "job"
        first.owner = NamedID(name: "ann", id: 1001)
        first.group = NamedID(name: "staff", id: 50)
        first.mode = 0o640
        first.closeWithLastSender = true
        first.failWithLastReceiver = true
        first.maxBytes = 1 << 20
        var second = ChannelDeclaration(name: "/uid/1000/x")
        second.capacity = -1
        second.owner = NamedID(name: "7", id: 7)
        #expect(channels == [first, second])
    }

    @Test(arguments: [
        "", "jobs", "/pub", "/pub/", "/pub//a", "/pub/.a", "/pub/-a", "/uid/x/a", "/uid/01/a", "/uid/1000",
        "/pub/ä",
        "/pub/" + String(repeating: "x", count: 201),
    ])
    func impossibleName(name: String) {
        _ = problem(
            Self.space + "[[channel]]\nname = \"\(name)\"\n", .impossibleValue, line: 4, key: "channel.name")
    }

    @Test func faultsNameLineAndKey() {
        let head = Self.space + "[[channel]]\nname = \"/pub/a\"\n"
        let faults: [(String, ConfigurationProblem.Code, String)] = [
            ("capacity = -2", .impossibleValue, "capacity"), ("capacity = \"x\"", .wrongType, "capacity"),
            ("mode = \"0888\"", .impossibleValue, "mode"), ("mode = 660", .wrongType, "mode"),
            ("owner = \"bob\"", .unknownName, "owner"), ("group = [1]", .wrongType, "group"),
            ("capasity = 1", .unknownKey, "capasity"), ("type = \"a\\nb\"", .impossibleValue, "type"),
            ("max_bytes = \"-1\"", .impossibleValue, "max_bytes"),
        ]
        for (line, code, key) in faults {
            _ = problem(head + line + "\n", code, line: 5, key: "channel.\(key)", names: Self.names)
        }
    }

    @Test func theSpaceHasToBeThere() {
        let text = problem("[[channel]]\nname = \"/pub/a\"\n", .impossibleValue, line: 2, key: "channel.name")
        #expect(text.contains("[[space]]"))
    }

    @Test func missingAndTwice() {
        _ = problem("\n[[channel]]\ncapacity = 1\n", .missingKey, line: 2, key: "channel.name")
        let channel = "[[channel]]\nname = \"/uid/1/a\"\n"
        let text = problem(channel + channel, .impossibleValue, line: 4, key: "channel.name")
        #expect(text.contains("chand.toml:2"))
    }

    @Test func dropInsAreReadInOrderAfterTheFile() throws {
        try withTemporaryDirectory { directory in
            let file = "\(directory)/chand.toml"
            try write("[limits]\nsessions = 5\n", to: file)
            let drops = Configuration.dropInDirectory(of: file)
            #expect(drops == "\(directory)/chand.d")
            try #require(mkdir(drops, 0o755) == 0)
            defer {
                for name in ["10-a.toml", "20-b.toml", "30-c.txt"] { unlink("\(drops)/\(name)") }
                rmdir(drops)
            }
            try write("[[channel]]\nname = \"/uid/1/a\"\n[limits]\nsessions = 6\n", to: "\(drops)/10-a.toml")
            try write("[limits]\nsessions = 7\n", to: "\(drops)/20-b.toml")
            try write("nonsense", to: "\(drops)/30-c.txt")
            let configuration = try Configuration.load(path: file)
            #expect(configuration.limits.sessions == 7)
            #expect(configuration.channels.map(\.name) == ["/uid/1/a"])

            try write("[limits]\nsesions = 7\n", to: "\(drops)/20-b.toml")
            let error = #expect(throws: ConfigurationError.self) { try Configuration.load(path: file) }
            #expect(error?.problems.map(\.origin) == [.file(path: "\(drops)/20-b.toml", line: 2)])

            try write("", to: "\(drops)/20-b.toml", mode: 0o666)
            #expect(throws: ConfigurationError.self) { try Configuration.load(path: file) }
        }
    }
}
