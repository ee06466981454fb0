// SPDX-License-Identifier: Apache-2.0

import Glibc
import Testing

/// Foundation costs 8 MB of memory and twice the start: the daemon and the layers below it do without it, and without
/// ArgumentParser, which brings it.
struct ImportTests {
    @Test(arguments: ["ChanCore", "ChanWire", "ChanSystem", "ChandConfig", "Systemd", "ChandServer", "chand"])
    func importsNoFoundation(target: String) throws {
        let files = swiftFiles(below: packageRoot() + "/Sources/" + target)
        #expect(!files.isEmpty)
        for file in files {
            for line in try contents(of: file).split(separator: "\n") where line.contains("import") {
                let words = line.split { !($0.isLetter || $0.isNumber || $0 == "_" || $0 == "@") }
                guard let position = words.firstIndex(of: "import"), position + 1 < words.count else {
                    continue
                }
                // Before `import` stand access levels and attributes, after it sometimes the kind of what
                // is imported.
                guard words[..<position].allSatisfy(Self.mayPrecede) else { continue }
                let imported = words[(position + 1)...].first { !Self.kinds.contains($0) } ?? ""
                #expect(
                    !imported.hasPrefix("Foundation") && imported != "ArgumentParser", "\(file): \(line)")
            }
        }
    }

    private static let kinds: Set<Substring> = [
        "struct", "class", "enum", "protocol", "typealias", "func", "var", "let",
    ]

    private static func mayPrecede(_ word: Substring) -> Bool {
        word.hasPrefix("@") || ["public", "package", "internal", "fileprivate", "private"].contains(word)
    }

    private func swiftFiles(below directory: String) -> [String] {
        guard let stream = opendir(directory) else { return [] }
        defer { closedir(stream) }
        var files: [String] = []
        while let entry = readdir(stream) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) {
                $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            guard !name.hasPrefix(".") else { continue }
            if name.hasSuffix(".swift") {
                files.append(directory + "/" + name)
            } else {
                files += swiftFiles(below: directory + "/" + name)
            }
        }
        return files
    }
}
