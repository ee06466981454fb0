// SPDX-License-Identifier: Apache-2.0

/// Unnamed channels: their names are generated, and knowing one is the right to use it (rule 26).
extension ChannelName {
    /// Characters behind the `$` that say 128 bits, 6 each.
    private static let generatedCount = 22
    /// Characters behind the `$` that are shown to others.
    private static let shownCount = 6
    private static let digits = Array(
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_".utf8)

    /// The name that 128 bits make.
    static func generated(_ entropy: (UInt64, UInt64)) -> String {
        var (high, low) = entropy
        var name: [UInt8] = [UInt8(ascii: "$")]
        for _ in 0..<generatedCount {
            name.append(digits[Int(low & 63)])
            low = low >> 6 | high << 58
            high >>= 6
        }
        return String(decoding: name, as: UTF8.self)
    }

    /// Whether a name has the form of a generated one.
    static func isGenerated(_ name: String) -> Bool {
        name.utf8.count == generatedCount + 1 && name.utf8.first == UInt8(ascii: "$")
            && name.utf8.dropFirst().allSatisfy { digits.contains($0) }
    }

    /// As much of a generated name as tells channels apart and opens none.
    static func shown(_ name: String) -> String {
        isGenerated(name) ? String(decoding: name.utf8.prefix(shownCount + 1), as: UTF8.self) + "..." : name
    }
}

extension Broker {
    /// Makes an unnamed channel of the session's user.
    mutating func openUnnamed<S: BrokerSink<Body> & ~Copyable>(
        session: UInt32, _ options: OpenOptions, _ entropy: (UInt64, UInt64), into sink: inout S
    ) -> Result<OpenedChannel, Failure> {
        let identity = sessions[session].identity
        let name = ChannelName.generated(entropy)
        if let failure = fault(in: options, session: session) ?? unnamedFault(in: options)
            ?? channelQuota(of: identity.uid)
        {
            return .failure(failure)
        }
        guard !options.mustExist, channelSlot(named: name) == nil else {
            return .failure(
                Failure(.noSuchChannel, text: "\(OpenOptions.unnamed) names a channel that is new"))
        }
        let channel = create(options, ResolvedName(absolute: name, place: .unnamed), identity)
        channels[channel].flags.insert(.unnamed)
        let handle = addHandle(session: session, channel: channel, role: options.role)
        tell(.open, session: session, channel: channel, into: &sink)
        return .success(
            OpenedChannel(
                handle: handles[handle].number, capacity: channels[channel].capacity,
                generation: channels[channel].generation, created: true, closed: false, name: name))
    }

    /// What an unnamed channel can't have: it ends with its handles, and its name is all the right it needs.
    func unnamedFault(in options: OpenOptions) -> Failure? {
        if options.keep {
            return Failure(.invalidArgument, text: "an unnamed channel is not kept without handles")
        }
        if options.mode != nil || options.owner != nil || options.group != nil {
            return Failure(
                .invalidArgument, text: "an unnamed channel has neither mode nor other owner or group")
        }
        return nil
    }
}
