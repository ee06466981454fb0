// SPDX-License-Identifier: Apache-2.0

/// Processes and channels, and who sends to, receives from and waits on what.
package struct ChannelGraph: Sendable {
    /// A process, or what stands for one.
    package struct Process: Sendable {
        /// Its number; 0 for messages under way that pass the channel.
        let pid: Int32
        /// Its program's name.
        let name: String

        /// Describes a process.
        package init(pid: Int32, name: String) {
            self.pid = pid
            self.name = name
        }

        var label: String { pid == 0 ? name : "\(name) (\(pid))" }
    }

    /// A channel.
    package struct Channel: Sendable {
        /// As it is shown.
        let name: String
        /// How full it is.
        let state: String

        /// Describes a channel.
        package init(name: String, state: String) {
            self.name = name
            self.state = state
        }
    }

    /// A process and a channel, in one direction.
    package struct Edge: Sendable {
        let process: Int
        let channel: Int
        let isSend: Bool
        /// For how long it has waited that waits longest; nil where none waits.
        let waited: Duration?

        /// Describes an edge between a process and a channel by their places in the lists.
        package init(process: Int, channel: Int, isSend: Bool, waited: Duration?) {
            self.process = process
            self.channel = channel
            self.isSend = isSend
            self.waited = waited
        }
    }

    /// An operation that waits for nothing but partners on these channels, and for ever.
    package struct Wait: Sendable {
        let process: Int
        /// Of a select all; empty for what could end in another way.
        let cases: [(channel: Int, isSend: Bool)]

        /// Describes an operation.
        package init(process: Int, cases: [(channel: Int, isSend: Bool)]) {
            self.process = process
            self.cases = cases
        }
    }

    package let processes: [Process]
    package let channels: [Channel]
    package let edges: [Edge]
    private let edgesOfChannel: [Int: [Edge]]
    package let waits: [Wait]

    /// Makes a graph.
    package init(processes: [Process], channels: [Channel], edges: [Edge], waits: [Wait]) {
        self.processes = processes
        self.channels = channels
        self.edges = edges
        edgesOfChannel = Dictionary(grouping: edges, by: \.channel)
        self.waits = waits
    }

    /// A process in a ring, and what it waits for the next one to do.
    package struct Link: Sendable {
        package let process: Int
        package let channel: Int
        let isSend: Bool
    }

    /// Rings of processes in which each waits for the next: none of them goes on unless somebody else interferes.
    ///
    /// Advisory: a process may have a thread that does not wait and will end it. Left out is who waits with a timeout,
    /// on a channel that nobody else has open, or for something else than a message.
    package func rings() -> [[Link]] {
        var stuck = Set(waits.map(\.process))
        // Whoever has a partner that is not stuck is not stuck: until nobody else is found.
        while let freed = stuck.first(where: { !isStuck($0, within: stuck) }) { stuck.remove(freed) }
        var rings: [[Link]] = []
        var visited: Set<Int> = []
        for start in stuck.sorted() where !visited.contains(start) {
            var path: [Link] = []
            var process = start
            while !visited.contains(process), let (link, next) = next(of: process, within: stuck) {
                visited.insert(process)
                path.append(link)
                process = next
            }
            // A path that ran into an earlier one has no ring of its own.
            if let first = path.firstIndex(where: { $0.process == process }) {
                rings.append(Array(path[first...]))
            }
        }
        return rings
    }

    private func isStuck(_ process: Int, within stuck: Set<Int>) -> Bool {
        waits.allSatisfy { wait in
            guard wait.process == process else { return true }
            return !wait.cases.isEmpty
                && wait.cases.allSatisfy { channel, isSend in
                    let others = partners(of: process, on: channel, isSend: isSend)
                    return !others.isEmpty && others.allSatisfy(stuck.contains)
                }
        }
    }

    private func next(of process: Int, within stuck: Set<Int>) -> (Link, Int)? {
        guard let first = waits.first(where: { $0.process == process })?.cases.first,
            let other = partners(of: process, on: first.channel, isSend: first.isSend).first
        else { return nil }
        return (Link(process: process, channel: first.channel, isSend: first.isSend), other)
    }

    /// The other processes that could end a wait on a channel.
    private func partners(of process: Int, on channel: Int, isSend: Bool) -> [Int] {
        (edgesOfChannel[channel] ?? []).filter { $0.isSend != isSend && $0.process != process }
            .map(\.process)
    }

    /// Channels with their senders and receivers below them, then the rings.
    package func text(_ style: Style) -> [String] {
        var lines: [String] = []
        for (index, channel) in channels.enumerated() {
            lines.append("\(style.paint(Printable.line(channel.name), .heading))  \(channel.state)")
            let mine = edgesOfChannel[index] ?? []
            for edge in mine.filter(\.isSend) + mine.filter({ !$0.isSend }) {
                let name = Printable.line(processes[edge.process].label)
                let line = "  \(edge.isSend ? "<-" : "->") \(name)"
                guard let waited = edge.waited else {
                    lines.append(line)
                    continue
                }
                let verb = edge.isSend ? "send" : "receive"
                lines.append(
                    style.paint("\(line)  waits to \(verb) for \(Quantities.text(waited))", .notable))
            }
        }
        for ring in rings() { lines.append(style.paint(text(of: ring), .bad)) }
        return lines
    }

    /// What is said about a ring.
    func text(of ring: [Link]) -> String {
        let steps = ring.map { link in
            let verb = link.isSend ? "send to" : "receive from"
            return "\(processes[link.process].label) waits to \(verb) \(channels[link.channel].name)"
        }
        return Printable.line(
            "each may wait for the next, and the last for the first: " + steps.joined(separator: "; "))
    }

    /// For graphviz.
    package func dot() -> [String] {
        func quoted(_ text: String) -> String {
            var escaped = ""
            // By scalars: a quote with a combining mark behind it is another character, and ends the text all the same.
            for scalar in Printable.line(text).unicodeScalars {
                if scalar == "\"" || scalar == "\\" { escaped += "\\" }
                escaped.unicodeScalars.append(scalar)
            }
            return "\"\(escaped)\""
        }
        var lines = ["digraph chand {", "  rankdir=LR;", "  node [fontname=\"sans-serif\"];"]
        for (index, process) in processes.enumerated() {
            lines.append("  p\(index) [shape=box, label=\(quoted(process.label))];")
        }
        for (index, channel) in channels.enumerated() {
            lines.append("  c\(index) [shape=ellipse, label=\(quoted("\(channel.name): \(channel.state)"))];")
        }
        let inRing = Set(rings().flatMap { $0.map { [$0.process, $0.channel, $0.isSend ? 1 : 0] } })
        for edge in edges {
            let ends =
                edge.isSend ? "p\(edge.process) -> c\(edge.channel)" : "c\(edge.channel) -> p\(edge.process)"
            let color = inRing.contains([edge.process, edge.channel, edge.isSend ? 1 : 0]) ? "red" : "orange"
            let mark = edge.waited.map {
                " [color=\(color), penwidth=2, label=\(quoted(Quantities.text($0)))]"
            }
            lines.append("  \(ends)\(mark ?? "");")
        }
        return lines + ["}"]
    }

    /// For Markdown.
    package func mermaid() -> [String] {
        func quoted(_ text: String) -> String {
            var escaped = ""
            for scalar in Printable.line(text).unicodeScalars {
                switch scalar {
                case "\"", "#", "<", ">", "&", "`", "[", "]": escaped += "#\(scalar.value);"
                default: escaped.unicodeScalars.append(scalar)
                }
            }
            return "\"\(escaped)\""
        }
        var lines = ["flowchart LR"]
        for (index, process) in processes.enumerated() {
            lines.append("  p\(index)[\(quoted(process.label))]")
        }
        for (index, channel) in channels.enumerated() {
            lines.append("  c\(index)([\(quoted("\(channel.name): \(channel.state)"))])")
        }
        for edge in edges {
            let (from, to) =
                edge.isSend
                ? ("p\(edge.process)", "c\(edge.channel)") : ("c\(edge.channel)", "p\(edge.process)")
            let arrow = edge.waited.map { "==>|\(quoted(Quantities.text($0)))|" } ?? "-->"
            lines.append("  \(from) \(arrow) \(to)")
        }
        return lines
    }
}
