// SPDX-License-Identifier: Apache-2.0

/// A `[[channel]]` as it is written.
struct ChannelDraft: Sendable {
    var name = ""
    var capacity = 0
    var typeTag = ""
    var owner = WrittenName(text: "", line: nil)
    var group = WrittenName(text: "", line: nil)
    var mode: UInt32?
    var closeWithLastSender = false
    var failWithLastReceiver = false
    var maxBytes = 0
}

extension ConfigurationReader {
    /// Reads one `[[channel]]`, collecting what is wrong with it.
    mutating func readChannel(_ table: TomlTable, path: String) {
        let origin = ConfigurationProblem.Origin.file(path: path, line: table.line)
        let before = problems.count
        var draft = ChannelDraft()
        let lines = read(
            table, path: path, as: "channel", into: &draft, with: ConfigurationSchema.channelBindings)
        if lines["name"] == nil {
            report(
                .missingKey, at: origin, key: "channel.name",
                "is missing: name = \"/pub/jobs\" would declare that channel")
        } else if let first = channelOrigins[draft.name] {
            report(
                twice: draft.name, first: first, in: "channel", path: path,
                line: lines["name"] ?? table.line)
        }
        let owner = resolved(draft.owner, as: .user, "owner", path: path, line: lines["owner"])
        let group = resolved(draft.group, as: .group, "group", path: path, line: lines["group"])
        guard problems.count == before else { return }
        channelOrigins[draft.name] = .file(path: path, line: lines["name"] ?? table.line)
        var channel = ChannelDeclaration(name: draft.name)
        channel.capacity = draft.capacity
        channel.typeTag = draft.typeTag
        channel.owner = owner
        channel.group = group
        channel.mode = draft.mode
        channel.closeWithLastSender = draft.closeWithLastSender
        channel.failWithLastReceiver = draft.failWithLastReceiver
        channel.maxBytes = draft.maxBytes
        configuration.channels.append(channel)
    }

    private mutating func resolved(
        _ written: WrittenName, as kind: NameLookup.Kind, _ key: String, path: String, line: Int?
    ) -> NamedID? {
        guard !written.text.isEmpty, let line else { return nil }
        do throws(Refusal) {
            return try names.resolve(written, as: kind)
        } catch {
            report(error, at: .file(path: path, line: line), key: "channel.\(key)")
            return nil
        }
    }

    /// Every declared channel lies in a space that the whole configuration has, in whatever order it says so.
    mutating func checkSpacesOfChannels() {
        let spaces = Set(configuration.spaces.map(\.name) + ["uid"])
        for channel in configuration.channels {
            let space = channel.name.dropFirst().prefix { $0 != "/" }
            guard !spaces.contains(String(space)), let origin = channelOrigins[channel.name] else { continue }
            report(
                .impossibleValue, at: origin, key: "channel.name",
                "there is no space /\(space): a [[space]] with name = \"\(space)\" would make it")
        }
    }
}
