// SPDX-License-Identifier: Apache-2.0

import ChanSystem
import ChandServer
import Testing

/// config/chand.catalog explains every event of the journal, and no other.
struct CatalogTests {
    private static func entries() throws -> [(id: String, text: [Substring])] {
        let root = #filePath.split(separator: "/", omittingEmptySubsequences: false).dropLast(3)
        let path = root.joined(separator: "/") + "/config/chand.catalog"
        let lines = String(decoding: try Files.read(path), as: UTF8.self).split(
            separator: "\n", omittingEmptySubsequences: false)
        var entries: [(id: String, text: [Substring])] = []
        for line in lines {
            if line.hasPrefix("-- ") {
                entries.append((String(line.dropFirst(3)), []))
            } else if !entries.isEmpty {
                entries[entries.count - 1].text.append(line)
            }
        }
        return entries
    }

    @Test func everyEventIsExplainedOnce() throws {
        #expect(try Self.entries().map(\.id).sorted() == LogEvent.all.map(\.id).sorted())
        #expect(Set(LogEvent.all).count == LogEvent.all.count)
    }

    @Test func everyEntryHasItsHeadAndAText() throws {
        for (id, text) in try Self.entries() {
            #expect(text.first?.hasPrefix("Subject: ") == true, "\(id)")
            #expect(text.contains("Defined-By: chand"), "\(id)")
            let blank = try #require(text.firstIndex(of: ""), "\(id)")
            #expect(text[(blank + 1)...].contains { !$0.isEmpty }, "\(id)")
        }
    }
}
