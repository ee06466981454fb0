// SPDX-License-Identifier: Apache-2.0

/// What a terminal shows after a text was written to it: as much of terminals as our programs use.
public struct TerminalPicture {
    /// The lines, without blanks at their ends.
    public var lines: [String] {
        grid.map { String($0).withoutBlanksAtItsEnd() }
    }
    /// Whether a program has a screen of its own.
    public private(set) var isAlternate = false
    /// Whether the cursor is shown.
    public private(set) var hasCursor = true
    /// What was written and is not known here.
    public private(set) var unknown: [String] = []
    private var grid: [[Character]]
    private var row = 0
    private var column = 0
    /// What was there before the screen of its own.
    private var before: (grid: [[Character]], row: Int, column: Int)?
    private let columns: Int

    /// What `text` makes of an empty terminal.
    public init(columns: Int, rows: Int, _ text: String) {
        self.columns = columns
        grid = Array(repeating: Array(repeating: " ", count: columns), count: rows)
        var rest = text.unicodeScalars[...]
        while let scalar = rest.popFirst() {
            switch scalar {
            case "\r": column = 0
            case "\n": row = min(row + 1, rows - 1)
            case "\u{1B}":
                guard rest.popFirst() == "[" else { break }
                let end = rest.firstIndex { (0x40...0x7E).contains($0.value) } ?? rest.endIndex
                let parameters = String(rest[..<end])
                rest = rest[end...]
                if let command = rest.popFirst() { act(Character(command), parameters) }
            default: put(Character(scalar))
            }
        }
    }

    private mutating func put(_ character: Character) {
        // Lines don't wrap while something is drawn.
        grid[row][min(column, columns - 1)] = character
        column += 1
    }

    private mutating func act(_ command: Character, _ parameters: String) {
        switch (command, parameters) {
        case ("H", ""): (row, column) = (0, 0)
        case ("K", ""): clear(row, from: min(column, columns))
        case ("J", ""):
            clear(row, from: min(column, columns))
            for below in grid.indices where below > row { clear(below, from: 0) }
        case ("J", "2"): for line in grid.indices { clear(line, from: 0) }
        case ("h", "?1049"):
            isAlternate = true
            before = (grid, row, column)
        case ("l", "?1049"):
            isAlternate = false
            if let before { (grid, row, column) = before }
        case ("h", "?25"): hasCursor = true
        case ("l", "?25"): hasCursor = false
        case ("m", _), ("h", "?7"), ("l", "?7"), ("h", "?2026"), ("l", "?2026"): break
        default: unknown.append("\(parameters)\(command)")
        }
    }

    private mutating func clear(_ line: Int, from start: Int) {
        for place in start..<columns { grid[line][place] = " " }
    }
}

extension String {
    fileprivate func withoutBlanksAtItsEnd() -> String {
        var text = self
        while text.last == " " { text.removeLast() }
        return text
    }
}
