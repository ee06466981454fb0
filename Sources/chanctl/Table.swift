// SPDX-License-Identifier: Apache-2.0

import ChanSystem

/// Whether output is coloured, and how.
package struct Style: Sendable {
    /// What a text is, rather than which colour it has.
    package enum Tone: String, Sendable {
        case plain = ""
        case heading = "1"
        case quiet = "2"
        case good = "32"
        case notable = "33"
        case bad = "31"
    }

    private let isColoured: Bool

    package init(isColoured: Bool) { self.isColoured = isColoured }

    /// Colour on a terminal only, and not where `NO_COLOR` is set (no-color.org) or the terminal has none.
    static let ofStandardOutput = Style(
        isColoured: Terminal.isTerminal(1) && (ThisProcess.environment("NO_COLOR") ?? "").isEmpty
            && ThisProcess.environment("TERM") != "dumb")

    /// The text in its tone.
    package func paint(_ text: String, _ tone: Tone) -> String {
        isColoured && tone != .plain ? "\u{1B}[\(tone.rawValue)m\(text)\u{1B}[0m" : text
    }
}

/// Rows of texts in aligned columns.
package struct Table: Sendable {
    /// A column's heading, and where its texts go.
    package struct Column: Sendable {
        let heading: String
        let isNumeric: Bool

        package init(_ heading: String, isNumeric: Bool = false) {
            self.heading = heading
            self.isNumeric = isNumeric
        }
    }

    /// A text in a row.
    package struct Cell: Sendable, ExpressibleByStringLiteral {
        let text: String
        let tone: Style.Tone
        /// Places that it takes.
        let width: Int

        package init(_ text: String, _ tone: Style.Tone = .plain) {
            let isPlain = Printable.isPlain(text)
            self.text = isPlain ? text : Printable.line(text)
            self.tone = tone
            width = isPlain ? text.utf8.count : self.text.count
        }

        package init(stringLiteral text: String) { self.init(text) }
    }

    private let columns: [Column]
    private var rows: [[Cell]] = []

    package init(_ columns: [Column]) { self.columns = columns }

    /// Appends a row, a cell for every column.
    package mutating func add(_ row: [Cell]) { rows.append(row) }

    /// The lines, the headings first.
    package func lines(_ style: Style) -> [String] {
        let headings = columns.map { Cell($0.heading, .heading) }
        let all = [headings] + rows
        let widths = columns.indices.map { column in all.reduce(0) { max($0, $1[column].width) } }
        let blanks = (0...(widths.max() ?? 0)).map { String(repeating: " ", count: $0) }
        let length = widths.reduce(0) { $0 + $1 + 2 }
        return all.map { row in
            var line = ""
            line.reserveCapacity(length)
            for (index, cell) in row.enumerated() {
                let padding = blanks[widths[index] - cell.width]
                let isLast = index == columns.count - 1
                if columns[index].isNumeric { line += padding }
                line += style.paint(cell.text, cell.tone)
                // No blanks at the end of a line, which would wrap on narrow terminals.
                if !columns[index].isNumeric, !isLast { line += padding }
                if !isLast { line += "  " }
            }
            return line
        }
    }
}
