// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Channels

/// Creates a channel that stays.
struct Create: Verb {
    static let configuration = CommandConfiguration(
        commandName: "create",
        abstract: "Creates a channel and keeps it until it is removed.",
        usage:
            "chanctl create CHAN [--capacity N] [--max-bytes SIZE] [--mode MODE] [--owner USER] [--group GROUP] ...",
        discussion: """
            A channel that was created so before is not created again: chanctl says how it differs from \
            what was asked for, and fails. One that merely exists, because a process has it open, gets the \
            options that nobody has stated yet, and is kept from then on.

            With --json: an object with version (1), channel (the absolute name), created (false where it \
            existed and is now kept) and generation.
            """)

    @OptionGroup var common: CommonOptions

    @Argument(help: ArgumentHelp("The channel.", valueName: "CHAN"))
    var channel: String

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            """
            Buffer so many messages: a number, 0 or rendezvous for none, -1 or unbounded for as many as \
            the quotas allow. Without it the first process that states a capacity decides.
            """, valueName: "N"), transform: Self.capacity)
    var capacity: Int?

    @Option(
        help: ArgumentHelp(
            """
            Let sends wait for room from so many bytes queued on, whatever the capacity: a size as in 512, \
            64KiB or 1MiB.
            """, valueName: "SIZE"), transform: Quantities.size)
    var maxBytes: Int?

    @Option(
        help: ArgumentHelp(
            "Permission bits as of a file, in octal: read is receiving, write is sending and closing.",
            valueName: "MODE"), transform: Self.mode)
    var mode: UInt16?

    @Option(help: ArgumentHelp("The owner, by name or number; others than you need an administrator."))
    var owner: String?

    @Option(help: ArgumentHelp("The group, by name or number; one that you are a member of."))
    var group: String?

    @Flag(help: "Close the channel when its last sender goes, as a pipe ends.")
    var closeWithLastSender = false

    @Flag(help: "Fail sends while the last receiver is gone.")
    var failWithLastReceiver = false

    @Option(help: ArgumentHelp("A text about what the messages are; who states another is refused."))
    var type: String?

    private static func capacity(_ text: String) throws -> Int {
        switch text {
        case "rendezvous": return 0
        case "unbounded": return ChannelOptions.unboundedCapacity
        default:
            if let number = Int(text), number >= ChannelOptions.unboundedCapacity { return number }
            throw ValidationError(
                "\"\(text)\" is no capacity; it is a number of messages, rendezvous (0) or unbounded (-1)")
        }
    }

    private static func mode(_ text: String) throws -> UInt16 {
        if let mode = UInt16(text, radix: 8), mode <= 0o777, (3...4).contains(text.utf8.count) { return mode }
        throw ValidationError("\"\(text)\" is no mode; write octal digits as in 0600 or 660")
    }

    func perform(_ client: ChandClient) async throws {
        var options = ChannelOptions(
            typeTag: type, closeWithLastSender: closeWithLastSender ? true : nil,
            failWithLastReceiver: failWithLastReceiver ? true : nil, maxBytes: maxBytes, mode: mode,
            owner: try owner.map(Accounts.userNumber), group: try group.map(Accounts.groupNumber),
            mustCreate: true, keep: true)
        // The handle goes at once, and must not be taken for the last of those whose end means something.
        let role: ChannelRole = closeWithLastSender ? .receive : .send
        let made: Chan<MessageBytes>
        do {
            made = try await client.channel(channel, capacity: capacity, role: role, options: options)
        } catch let error as ChandError where error.code == .exists {
            let there = try await client.inspect(channel)
            if there.isKept || there.isClosed { throw exists(there, options) }
            options.mustCreate = false
            made = try await client.channel(channel, capacity: capacity, role: role, options: options)
        }
        guard common.json else { return }
        try Output.write { output in
            try output.line(
                [
                    "version": .number(JSON.schemaVersion), "channel": .string(made.name),
                    "created": .bool(made.wasCreated), "generation": .unsigned(made.generation),
                ] as JSON)
        }
    }

    /// Says that there is such a channel, and what is different about it.
    private func exists(_ there: ChannelStatus, _ wanted: ChannelOptions) -> Failure {
        var differences: [String] = []
        func compare<Value: Equatable>(
            _ name: String, _ real: Value?, _ asked: Value?, _ text: (Value) -> String
        ) {
            guard let asked, real != asked else { return }
            differences.append("its \(name) is \(real.map(text) ?? "undecided"), not \(text(asked))")
        }
        compare("capacity", there.capacity.number, capacity) { $0 < 0 ? "unbounded" : "\($0)" }
        compare("bound of bytes", there.maxBytes, maxBytes) { $0 == 0 ? "none" : "\($0)" }
        compare("mode", there.mode, wanted.mode) { String($0, radix: 8) }
        compare("owner", there.owner, wanted.owner, Accounts.user)
        compare("group", there.group, wanted.group, Accounts.group)
        compare("type", there.typeTag ?? "", wanted.typeTag) { "\"\($0)\"" }
        if closeWithLastSender, !there.closesWithLastSender {
            differences.append("it does not close with its last sender")
        }
        if failWithLastReceiver, !there.failsWithLastReceiver {
            differences.append("it does not fail with its last receiver")
        }
        if there.isClosed { differences.append("it is closed, and `chanctl remove` frees the name") }
        let hint = differences.isEmpty ? ", with these options" : ": " + differences.joined(separator: "; ")
        return Failure(
            "exists", "the channel \(there.name) exists already\(hint)", channel: there.name, exit: .failed)
    }
}
