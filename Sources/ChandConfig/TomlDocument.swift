// SPDX-License-Identifier: Apache-2.0

import CToml

/// A table of a parsed file, every key with its line.
struct TomlTable {
    struct Entry {
        let key: String
        let line: Int
        let value: RawValue
        /// What the value holds where it is a table, or an array of tables.
        let tables: [TomlTable]
    }

    let line: Int
    var entries: [Entry] = []

    /// Why a text is not TOML.
    struct SyntaxError: Error {
        let message: String
        let line: Int
    }

    /// Parses a file's whole text.
    static func parse(_ text: [UInt8]) throws(SyntaxError) -> TomlTable {
        let document = text.withUnsafeBufferPointer { bytes in
            bytes.withMemoryRebound(to: CChar.self) { chan_toml_parse($0.baseAddress, $0.count) }
        }
        guard let document else { throw SyntaxError(message: "out of memory", line: 0) }
        defer { chan_toml_free(document) }
        if let message = chan_toml_error(document) {
            throw SyntaxError(message: String(cString: message), line: Int(chan_toml_error_line(document)))
        }
        var count = 0
        let entries = UnsafeBufferPointer(start: chan_toml_entries(document, &count), count: count)
        return Builder(entries: entries).table(0)
    }

    /// Entries refer to their parents; a parent's children have to be gathered once.
    private struct Builder {
        let entries: UnsafeBufferPointer<chan_toml_entry>
        let children: [[Int]]

        init(entries: UnsafeBufferPointer<chan_toml_entry>) {
            self.entries = entries
            var children = [[Int]](repeating: [], count: entries.count)
            for index in entries.indices.dropFirst() { children[entries[index].parent].append(index) }
            self.children = children
        }

        func table(_ index: Int) -> TomlTable {
            var table = TomlTable(line: Int(entries[index].line))
            for child in children[index] {
                let entry = entries[child]
                table.entries.append(
                    Entry(
                        key: string(entry.key, entry.key_length), line: Int(entry.line), value: value(child),
                        tables: tables(child)))
            }
            // toml++ keeps a table's keys by name; messages should come in the order of the file.
            table.entries.sort { $0.line < $1.line }
            return table
        }

        private func tables(_ index: Int) -> [TomlTable] {
            switch entries[index].kind {
            case CHAN_TOML_TABLE: [table(index)]
            case CHAN_TOML_ARRAY:
                children[index].filter { entries[$0].kind == CHAN_TOML_TABLE }.map { table($0) }
            default: []
            }
        }

        private func value(_ index: Int) -> RawValue {
            let entry = entries[index]
            switch entry.kind {
            case CHAN_TOML_TABLE: return .table
            case CHAN_TOML_ARRAY: return .array(children[index].map { (value($0), Int(entries[$0].line)) })
            case CHAN_TOML_STRING: return .string(string(entry.text, entry.text_length))
            case CHAN_TOML_INTEGER: return .integer(entry.integer)
            case CHAN_TOML_FLOAT: return .real(entry.real)
            case CHAN_TOML_BOOLEAN: return .boolean(entry.integer != 0)
            default: return .date
            }
        }

        private func string(_ text: UnsafePointer<CChar>?, _ length: Int) -> String {
            guard let text else { return "" }
            let bytes = UnsafeRawBufferPointer(start: text, count: length)
            return String(decoding: bytes, as: UTF8.self)
        }
    }
}
