// SPDX-License-Identifier: Apache-2.0

import ChanSystem
import ChanTestSupport
import Testing
import chanctl

/// `graph`: who waits for whom.
@Suite struct GraphTests {
    private static func graph(
        _ edges: [(process: Int, channel: Int, isSend: Bool)],
        waits: [(process: Int, cases: [(channel: Int, isSend: Bool)])]
    ) -> ChannelGraph {
        ChannelGraph(
            processes: (0..<4).map { .init(pid: Int32($0 + 10), name: "p\($0)") },
            channels: (0..<4).map { .init(name: "c\($0)", state: "0 of 1") },
            edges: edges.map {
                .init(process: $0.process, channel: $0.channel, isSend: $0.isSend, waited: nil)
            }, waits: waits.map { .init(process: $0.process, cases: $0.cases) })
    }

    /// Process 0 sends on 0 and receives on 1, process 1 the other way round.
    private static let pair = [(0, 0, true), (1, 0, false), (1, 1, true), (0, 1, false)]

    @Test func twoThatWaitForEachOtherAreARing() {
        let rings = Self.graph(Self.pair, waits: [(0, [(1, false)]), (1, [(0, false)])]).rings()
        #expect(rings.count == 1)
        #expect(rings.first?.map(\.process) == [0, 1])
        #expect(rings.first?.map(\.channel) == [1, 0])
    }

    @Test func oneWhoDoesNotWaitBreaksTheRing() {
        #expect(Self.graph(Self.pair, waits: [(0, [(1, false)])]).rings().isEmpty)
        // Somebody else could send what process 0 waits for.
        let helped = Self.graph(Self.pair + [(2, 1, true)], waits: [(0, [(1, false)]), (1, [(0, false)])])
        #expect(helped.rings().isEmpty)
    }

    @Test func aWayOutOfASelectOrATimeoutBreaksTheRing() {
        let select = Self.graph(
            Self.pair + [(0, 2, false), (3, 2, true)],
            waits: [(0, [(1, false), (2, false)]), (1, [(0, false)])])
        #expect(select.rings().isEmpty)
        #expect(Self.graph(Self.pair, waits: [(0, []), (1, [(0, false)])]).rings().isEmpty)
        // Nobody has that channel open yet, so anybody may.
        let alone = Self.graph(Self.pair, waits: [(0, [(1, false), (3, false)]), (1, [(0, false)])])
        #expect(alone.rings().isEmpty)
    }

    @Test func aRingOfThreeIsNamedOnceWithoutWhoOnlyWaitsForIt() {
        let edges = [
            (0, 0, true), (1, 0, false), (1, 1, true), (2, 1, false), (2, 2, true), (0, 2, false),
            (3, 3, false),
            (0, 3, true),
        ]
        let waits = [(0, [(2, false)]), (1, [(0, false)]), (2, [(1, false)]), (3, [(3, false)])]
        let rings = Self.graph(edges, waits: waits).rings()
        #expect(rings.map { Set($0.map(\.process)) } == [[0, 1, 2]])
        let text = Self.graph(edges, waits: waits).text(Style(isColoured: false)).last
        #expect(text?.hasPrefix("each may wait for the next") == true)
        #expect(text?.contains("p0 (10) waits to receive from c2") == true)
    }

    @Test func namesCannotBreakThePictures() {
        let graph = ChannelGraph(
            processes: [.init(pid: 1, name: "a\"b\\c\nd[e]")],
            channels: [.init(name: "x<y", state: "1 of 2")],
            edges: [.init(process: 0, channel: 0, isSend: true, waited: .seconds(2))], waits: [])
        #expect(graph.dot().contains(#"  p0 [shape=box, label="a\"b\\c\\nd[e] (1)"];"#))
        #expect(graph.mermaid().contains("  c0([\"x#60;y: 1 of 2\"])"))
        #expect(graph.mermaid().contains("  p0 ==>|\"2s\"| c0"))
    }

    /// A quote with a combining mark behind it is one character, and not a quote; for graphviz it is one.
    @Test func marksCannotHideQuotes() throws {
        let graph = ChannelGraph(
            processes: [.init(pid: 1, name: "a\"\u{301}, shape=star]; b\\\u{301}")], channels: [], edges: [],
            waits: [])
        let line = try #require(graph.dot().first { $0.hasPrefix("  p0") })
        let expected = "  p0 [shape=box, label=\"a\\\"\u{301}, shape=star]; b\\\\\u{301} (1)\"];"
        #expect(Array(line.utf8) == Array(expected.utf8))
    }

    @Test func aLiveRingIsNamedAndDrawn() throws {
        try DaemonUnderTest.run { (daemon) throws in
            // Each of two processes has one end of each channel, and receives first.
            let one = try ClientProcess(daemon.socketPath)
            let two = try ClientProcess(daemon.socketPath)
            let ports = try [one, two].map {
                try ($0.client.open("ping", capacity: 1), $0.client.open("pong", capacity: 1))
            }
            _ = try one.client.startReceive(ports[0].1)
            _ = try two.client.startReceive(ports[1].0)
            try daemon.wait("ping", "waiting_receivers", 1)
            try daemon.wait("pong", "waiting_receivers", 1)
            let lines = try daemon.ctl("graph").lines
            #expect(lines.last?.hasPrefix("each may wait for the next") == true)
            #expect(lines.last?.contains("(\(one.process.pid)) waits to receive from pong") == true)
            let object = try daemon.ctl("graph", "--json").json()
            #expect(Set(object.keys) == ["version", "channels", "processes", "edges", "rings"])
            let edges = try #require(object["edges"] as? [[String: Any]])
            #expect(edges.count == 8)
            for edge in edges {
                #expect(Set(edge.keys) == ["process", "channel", "direction", "waiting_seconds"])
            }
            #expect((object["rings"] as? [[Any]])?.map(\.count) == [2])
            #expect(try daemon.ctl("graph", "none").text.isEmpty)
            let dot = try daemon.ctl("graph", "--dot")
            #expect(dot.lines.count(where: { $0.contains("color=red") }) == 2)
            // Without graphviz on this machine the text alone has to do.
            if Files.exists("/usr/bin/dot") {
                let drawn = try CtlProcess(
                    ["-Tsvg"], program: "/usr/bin/dot", input: dot.output, environment: [:]
                ).finish()
                #expect(drawn.code == 0 && drawn.complaint.isEmpty && drawn.text.contains("</svg>"))
            }
            #expect(try daemon.ctl("graph", "--mermaid").lines.first == "flowchart LR")
            #expect(try daemon.ctl("graph", "--mermaid", "--dot").code == 2)
            #expect(try daemon.ctl("graph", "[").code == 2)
        }
    }
}
