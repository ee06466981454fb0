// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import ChanSystem
import Channels

/// Shows the channels in the terminal, again and again.
struct Top: Verb {
    static let configuration = CommandConfiguration(
        commandName: "top",
        abstract: "Shows the channels and their rates in the terminal, and keeps them up to date.",
        usage: "chanctl top [GLOB] [-b] [-n COUNT] [--interval DURATION]",
        discussion: """
            FULL is how much of its buffer a channel uses, IN/S and OUT/S are messages accepted and \
            delivered a second, W-SEND and W-RECV what waits. Keys order the table: n by name, l by length, \
            f by how full, i by IN/S, o by OUT/S, w by what waits; r turns the order round, q ends.

            With -b it prints plain frames, each below an empty line, for scripts and logs. For programs \
            there is list --watch --json.
            """)

    @OptionGroup var common: CommonOptions
    @OptionGroup var repetition: RepeatOptions

    @Argument(help: ArgumentHelp("Only channels whose names match, as in list.", valueName: "GLOB"))
    var glob: String?

    @Flag(name: .customShort("b"), help: "Print plain frames.")
    var isBatch = false

    static let interruptions: [Signal] = [.interrupt, .terminate, .hangup]

    func validate() throws {
        if let glob, Glob(glob) == nil { throw ValidationError(Glob.fault(glob)) }
        if common.json { throw ValidationError("top is for people; use list --watch --json") }
        if !isBatch, !Terminal.isTerminal(0) || !Terminal.isTerminal(1) {
            throw ValidationError("there is no terminal here; add -b for plain frames")
        }
    }

    func perform(_ client: ChandClient) async throws {
        let filter = ChannelFilter(glob, client)
        var table = TopTable(client)
        guard isBatch else { return try await draw(table, filter, client) }
        var isFirst = true
        try await repetition.run(every: .seconds(1)) {
            table.note(try await filter.channels(client))
            try Output.write { output in
                if !isFirst { try output.line("") }
                for line in table.lines(columns: 80, Style(isColoured: false)) { try output.line(line) }
            }
            isFirst = false
            return true
        }
    }

    /// Draws on the terminal until a key or a signal ends it; leaves it as it was.
    private func draw(_ table: TopTable, _ filter: ChannelFilter, _ client: ChandClient) async throws {
        let settings = try Terminal.readKeys(0)
        let keyboard = try Keyboard()
        try Self.write(Screen.enter)
        do {
            try await loop(table, filter, client, keyboard)
        } catch {
            Self.leave(settings, keyboard)
            throw error
        }
        Self.leave(settings, keyboard)
    }

    private func loop(
        _ table: TopTable, _ filter: ChannelFilter, _ client: ChandClient, _ keyboard: Keyboard
    ) async throws {
        var table = table
        var left = repetition.count ?? .max
        let interval = repetition.interval ?? .seconds(1)
        keyboard.tick(after: .zero)
        for await event in keyboard.events {
            switch event {
            case .tick:
                guard left > 0 else { return }
                left -= 1
                table.note(try await filter.channels(client))
                keyboard.tick(after: interval)
            case .key(let byte):
                let key = Character(Unicode.Scalar(byte))
                if key == "q" { return }
                guard table.press(key) else { continue }
            case .resized: break
            }
            let size = Screen.size
            try Output.write { output in
                let lines = table.lines(columns: size.columns, rows: size.rows, .ofStandardOutput)
                Screen.draw(lines, to: &output.bytes)
            }
        }
        // The terminal is gone, or somebody interrupts.
        throw CancellationError()
    }

    private static func leave(_ settings: Terminal.Settings, _ keyboard: Keyboard) {
        keyboard.stop()
        // A terminal that is gone needs nothing put back.
        try? write(Screen.leave)
        try? Terminal.restore(0, settings)
    }

    private static func write(_ text: String) throws {
        try Output.write { $0.bytes.append(contentsOf: text.utf8) }
    }
}
