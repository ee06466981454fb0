// SPDX-License-Identifier: Apache-2.0

/// A channel that the configuration wants to be there (rule 15).
public struct DeclaredChannel: Equatable, Sendable {
    /// Its absolute name and its options; owner, group and mode as an open would state them.
    public var options: OpenOptions

    /// Makes a declaration.
    public init(_ options: OpenOptions) {
        self.options = options
    }
}

/// Declared channels: there from the start, and again, open and empty, once closed, drained and left.
extension Broker {
    /// Replaces all declarations.
    ///
    /// What is there under a declared name stays as it is: a declaration holds from the next generation. What is
    /// declared no more lives on as any other channel does.
    /// - Returns: why a declared channel could not be made, by name.
    public mutating func declare<S: BrokerSink<Body> & ~Copyable>(
        _ list: [DeclaredChannel], into sink: inout S
    ) -> [(name: String, failure: Failure)] {
        let before = declared.keys.sorted()
        declared = Dictionary(list.map { ($0.options.name, $0) }, uniquingKeysWith: { $1 })
        for name in before where declared[name] == nil {
            guard let channel = channelSlot(named: name) else { continue }
            channels[channel].flags.remove(.declared)
            pump(channel, into: &sink)
        }
        var failures: [(name: String, failure: Failure)] = []
        for declaration in list {
            let name = declaration.options.name
            if let channel = channelSlot(named: name) {
                channels[channel].flags.insert(.declared)
                pump(channel, into: &sink)
            } else if let failure = recreateIfDeclared(name) {
                failures.append((name, failure))
            }
        }
        return failures
    }

    /// Makes a declared channel whose name is free; its user's quota does not apply, since an operator wants it.
    @discardableResult
    mutating func recreateIfDeclared(_ name: String) -> Failure? {
        guard let declaration = declared[name], channelSlot(named: name) == nil else { return nil }
        let owner = declaration.options.owner ?? 0
        let identity = Identity(uid: owner, gid: declaration.options.group ?? 0, isAdministrator: true)
        switch ChannelName.resolve(name, for: identity, spaces: spaces) {
        case .failure(let failure): return failure
        case .success(let resolved):
            let channel = create(declaration.options, resolved, identity)
            channels[channel].flags.insert(.declared)
            return nil
        }
    }
}
