// SPDX-License-Identifier: Apache-2.0

/// A `[[space]]` as it is written: names are looked up only when it is known whether they are optional.
struct SpaceDraft: Sendable {
    var name = ""
    var groups: [WrittenName] = []
    var users: [WrittenName] = []
    var mayCreate = true
    var optional = false
}

extension ConfigurationReader {
    /// Reads one `[[space]]`, collecting what is wrong with it.
    mutating func readSpace(_ table: TomlTable, path: String) {
        let origin = ConfigurationProblem.Origin.file(path: path, line: table.line)
        let before = problems.count
        var draft = SpaceDraft()
        let lines = read(
            table, path: path, as: "space", into: &draft, with: ConfigurationSchema.spaceBindings)
        if lines["name"] == nil {
            report(
                .missingKey, at: origin, key: "space.name",
                "is missing: name = \"pub\" would make /pub/... shared")
        } else if let first = spaceOrigins[draft.name] {
            report(
                twice: draft.name, first: first, in: "space", path: path, line: lines["name"] ?? table.line)
        }
        guard problems.count == before else { return }
        spaceOrigins[draft.name] = origin
        configuration.spaces.append(
            SharedSpace(
                name: draft.name,
                groups: resolved(
                    draft.groups, as: .group, of: draft, at: path, line: lines["groups"] ?? table.line),
                users: resolved(
                    draft.users, as: .user, of: draft, at: path, line: lines["users"] ?? table.line),
                mayCreate: draft.mayCreate))
    }

    /// Who exists; who does not is a problem, or a warning where the space says so.
    private mutating func resolved(
        _ written: [WrittenName], as kind: NameLookup.Kind, of draft: SpaceDraft, at path: String, line: Int
    ) -> [NamedID] {
        written.compactMap { name in
            do throws(Refusal) {
                return try names.resolve(name, as: kind)
            } catch {
                let place = ConfigurationProblem.Origin.file(path: path, line: name.line ?? line)
                let key = "space.\(kind)s"
                if error.code == .unknownName, draft.optional {
                    let message = error.message + ": left out of /\(draft.name), which is optional"
                    configuration.warnings.append(
                        ConfigurationProblem(error.code, at: place, key: key, message))
                } else {
                    let advice =
                        error.code == .unknownName ? "; optional = true leaves it out with a warning" : ""
                    report(error.code, at: place, key: key, error.message + advice)
                }
                return nil
            }
        }
    }
}
