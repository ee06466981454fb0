// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Channels

/// Draws who sends to, receives from and waits for whom.
struct Graph: Verb {
    static let configuration = CommandConfiguration(
        commandName: "graph",
        abstract: "Draws which processes send to and receive from which channels, and who waits.",
        usage: "chanctl graph [GLOB] [--dot|--mermaid] [--json]",
        discussion: """
            Prints each channel with its senders (<-) and receivers (->) below it. Where each process of a \
            ring waits for the next one, so that none goes on unless somebody else interferes, it says so; \
            that is advice: a process may have a thread that does not wait.

            chanctl graph --dot | dot -Tsvg makes a picture, --mermaid is for Markdown.

            Of others' processes an administrator sees what they wait for.

            With --json: an object with version (1); channels, a list of objects with name and state; \
            processes, with pid and name; edges, with process and channel (places in those lists, from 0), \
            direction (send or receive) and waiting_seconds (or null); and rings, lists of objects with \
            process, channel and direction.
            """)

    @OptionGroup var common: CommonOptions

    @Argument(help: ArgumentHelp("Draw only channels whose names match, as in list.", valueName: "GLOB"))
    var glob: String?

    @Flag(help: "Write a graph for graphviz.")
    var dot = false

    @Flag(help: "Write a flowchart for Markdown.")
    var mermaid = false

    func validate() throws {
        if [dot, mermaid, common.json].filter({ $0 }).count > 1 {
            throw ValidationError("--dot, --mermaid and --json exclude each other; choose one")
        }
        if let glob, Glob(glob) == nil { throw ValidationError(Glob.fault(glob)) }
    }

    func perform(_ client: ChandClient) async throws {
        let graph = try await Self.survey(client, ChannelFilter(glob, client))
        try Output.write { output in
            guard !common.json else { return try output.line(Self.json(graph)) }
            let lines = dot ? graph.dot() : mermaid ? graph.mermaid() : graph.text(.ofStandardOutput)
            for line in lines { try output.line(line) }
        }
    }

    /// Asks the daemon for everything that the graph is made of.
    private static func survey(_ client: ChandClient, _ filter: ChannelFilter) async throws -> ChannelGraph {
        var builder = GraphBuilder(OwnSpace(user: client.daemon.user))
        for try await channel in client.list() where filter.matches(channel.name) {
            do {
                builder.add(channel, try await client.describe(channel.name))
            } catch let error as ChandError where error.code == .noSuchChannel || error.code == .notPermitted
            {
                // Gone meanwhile, or unnamed, whose name is not to be known.
                builder.add(channel, [])
            }
        }
        builder.add(try await client.waitingOperations())
        return builder.graph()
    }

    private static func json(_ graph: ChannelGraph) -> JSON {
        func direction(_ isSend: Bool) -> JSON { .string(isSend ? "send" : "receive") }
        return [
            "version": .number(JSON.schemaVersion),
            "channels": .array(
                graph.channels.map { ["name": .string($0.name), "state": .string($0.state)] }),
            "processes": .array(
                graph.processes.map { ["pid": .number(Int($0.pid)), "name": .string($0.name)] }),
            "edges": .array(
                graph.edges.map {
                    [
                        "process": .number($0.process), "channel": .number($0.channel),
                        "direction": direction($0.isSend),
                        "waiting_seconds": $0.waited.map { .real(Quantities.seconds($0)) } ?? .null,
                    ]
                }),
            "rings": .array(
                graph.rings().map { ring in
                    .array(
                        ring.map {
                            [
                                "process": .number($0.process), "channel": .number($0.channel),
                                "direction": direction($0.isSend),
                            ]
                        })
                }),
        ]
    }
}

/// Puts together what the daemon says about channels, handles and operations.
private struct GraphBuilder {
    private struct Place: Hashable {
        let process: Int
        let channel: Int
        let isSend: Bool
    }
    private let space: OwnSpace
    private var processes: [ChannelGraph.Process] = []
    private var byPid: [Int32: Int] = [:]
    private var channels: [ChannelGraph.Channel] = []
    private var byName: [String: Int] = [:]
    private var edges: [Place] = []
    private var known: Set<Place> = []
    private var waited: [Place: Duration] = [:]
    private var waits: [ChannelGraph.Wait] = []

    init(_ space: OwnSpace) { self.space = space }

    mutating func add(_ channel: ChannelStatus, _ parties: [ChannelParty]) {
        let index = channels.count
        // Unnamed channels are shown by a prefix of their names, which need not be unique.
        byName[channel.name] = index
        channels.append(.init(name: space.relative(channel.name), state: Self.state(channel)))
        for party in parties where party.kind == .handle {
            let process = process(party.process, party.sessionAge)
            if party.role.contains(.send) { connect(Place(process: process, channel: index, isSend: true)) }
            if party.role.contains(.receive) {
                connect(Place(process: process, channel: index, isSend: false))
            }
        }
    }

    mutating func add(_ waiting: [WaitingOperation]) {
        for operation in BlockedOperation.grouped(waiting) {
            let first = operation.first
            let process = process(first.process, first.sessionAge)
            var cases: [(channel: Int, isSend: Bool)] = []
            for one in operation.cases where one.kind == .send || one.kind == .receive {
                guard let channel = one.channel.flatMap({ byName[$0] }) else { continue }
                let place = Place(process: process, channel: channel, isSend: one.kind == .send)
                connect(place)
                waited[place] = max(waited[place] ?? .zero, one.waited)
                cases.append((channel, place.isSend))
            }
            // What is not drawn, and what ends by itself, holds nobody up for ever.
            let isLasting = cases.count == operation.cases.count && first.timeLeft == nil
            waits.append(.init(process: process, cases: isLasting ? cases : []))
        }
    }

    func graph() -> ChannelGraph {
        ChannelGraph(
            processes: processes, channels: channels,
            edges: edges.map {
                .init(process: $0.process, channel: $0.channel, isSend: $0.isSend, waited: waited[$0])
            }, waits: waits)
    }

    private mutating func process(_ pid: Int32, _ age: Duration) -> Int {
        if let known = byPid[pid] { return known }
        let name = pid == 0 ? "messages under way" : ProcessFacts.of(pid: pid, sessionAge: age).program
        processes.append(.init(pid: pid, name: name ?? "?"))
        byPid[pid] = processes.count - 1
        return processes.count - 1
    }

    private mutating func connect(_ place: Place) {
        if known.insert(place).inserted { edges.append(place) }
    }

    private static func state(_ channel: ChannelStatus) -> String {
        switch channel.capacity {
        case .buffered(let capacity): "\(channel.length) of \(capacity)"
        case .unbounded: "\(channel.length)"
        case .undecided, .rendezvous: channel.length == 0 ? "no buffer" : "\(channel.length)"
        }
    }
}
