// SPDX-License-Identifier: Apache-2.0

import ChandConfig
import Testing

/// Shared spaces and the names of those to whom they are granted.
struct SpaceTests {
    private static let names = NameLookup(
        user: { $0 == "ann" ? .id(1001) : $0 == "slow" ? .failed(110) : .unknown },
        group: { $0 == "staff" ? .id(50) : .unknown })

    @Test func granted() throws {
        let text = """
            [[space]]
            name = "pub"
            groups = ["staff", 77]
            users = ["ann", "1002"]
            [[space]]
            name = "read.only"
            create = false
            """
        let configuration = try Configuration.parse(text, file: "f", names: Self.names)
        #expect(
            configuration.spaces == [
                SharedSpace(
                    name: "pub",
                    groups: [NamedID(name: "staff", id: 50), NamedID(name: "77", id: 77)],
                    users: [NamedID(name: "ann", id: 1001), NamedID(name: "1002", id: 1002)]),
                SharedSpace(name: "read.only", mayCreate: false),
            ])
        #expect(configuration.warnings.isEmpty)
    }

    @Test func theMachinesOwnNames() throws {
        let text =
            "[daemon]\nadmin_group = \"root\"\n[[space]]\nname = \"a\"\ngroups = [0]\nusers = [\"root\"]"
        let configuration = try Configuration.parse(text, file: "f")
        #expect(configuration.daemon.adminGroup == NamedID(name: "root", id: 0))
        #expect(configuration.spaces.first?.users == [NamedID(name: "root", id: 0)])
    }

    @Test func unknownNameIsAnErrorWithItsOwnLine() {
        let text = problem(
            "[[space]]\nname = \"a\"\ngroups = [\n  \"staff\",\n  \"stuff\",\n]\n", .unknownName, line: 5,
            key: "space.groups", names: Self.names)
        #expect(text.contains("no group \"stuff\""))
        #expect(text.contains("optional = true"))
    }

    @Test func unknownUser() {
        _ = problem(
            "[[space]]\nname = \"a\"\nusers = [\"bob\"]\n", .unknownName, line: 3, key: "space.users",
            names: Self.names)
    }

    @Test func optionalLeavesOutWithAWarning() throws {
        let text = "[[space]]\nname = \"a\"\noptional = true\ngroups = [\"stuff\", \"staff\"]\n"
        let configuration = try Configuration.parse(text, file: "f", names: Self.names)
        #expect(configuration.spaces.first?.groups == [NamedID(name: "staff", id: 50)])
        #expect(configuration.warnings.map(\.origin) == [.file(path: "f", line: 4)])
    }

    /// A directory server that is down must not silently take a grant away.
    @Test func failedLookUpIsAnErrorEvenWhereOptional() {
        let text = "[[space]]\nname = \"a\"\noptional = true\nusers = [\"slow\"]\n"
        let message = problem(text, .unreadable, line: 4, key: "space.users", names: Self.names)
        #expect(message.contains("could not be looked up"))
    }

    @Test func impossibleIds() {
        for id in ["4294967295", "-1", "99999999999"] {
            #expect(
                problems("[[space]]\nname = \"a\"\nusers = [\(id)]\n", names: Self.names).map(\.key) == [
                    "space.users"
                ])
        }
    }

    @Test func missingName() {
        _ = problem("\n[[space]]\ngroups = []\n", .missingKey, line: 2, key: "space.name")
    }

    @Test func nameTwice() {
        let text = problem(
            "[[space]]\nname = \"a\"\n[[space]]\nname = \"a\"\n", .impossibleValue, line: 4, key: "space.name"
        )
        #expect(text.contains("chand.toml:1"))
    }

    @Test(arguments: ["", ".a", "-a", "a/b", "ä", "uid", String(repeating: "x", count: 65)])
    func impossibleName(name: String) {
        _ = problem("[[space]]\nname = \"\(name)\"\n", .impossibleValue, line: 2, key: "space.name")
    }

    @Test func unknownKey() {
        let text = problem("[[space]]\nname = \"a\"\ngroup = []\n", .unknownKey, line: 3, key: "space.group")
        #expect(text.contains("did you mean groups?"))
    }

    @Test func wrongTypes() {
        _ = problem("[[space]]\nname = \"a\"\ngroups = \"staff\"\n", .wrongType, line: 3, key: "space.groups")
        _ = problem("[[space]]\nname = \"a\"\ncreate = \"yes\"\n", .wrongType, line: 3, key: "space.create")
        _ = problem("[[space]]\nname = \"a\"\nusers = [\n1.5]\n", .wrongType, line: 4, key: "space.users")
    }

    @Test(arguments: ["[space]\nname = \"a\"\n", "space = 5\n", "space = [1]\n"])
    func notAnArrayOfTables(text: String) {
        #expect(problem(text, .wrongType, line: 1, key: "space").contains("[[space]]"))
    }
}
