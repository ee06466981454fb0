// SPDX-License-Identifier: Apache-2.0

import ChandConfig
import Glibc
import Testing

/// What a text is refused for; an issue where it is not.
func problems(
    _ text: String, names: NameLookup = .system, sourceLocation: SourceLocation = #_sourceLocation
) -> [ConfigurationProblem] {
    do {
        _ = try Configuration.parse(text, file: "chand.toml", names: names)
        Issue.record("accepted: \(text)", sourceLocation: sourceLocation)
        return []
    } catch {
        return error.problems
    }
}

/// The only thing a text is refused for, by line and key.
func problem(
    _ text: String, _ code: ConfigurationProblem.Code, line: Int, key: String?, names: NameLookup = .system,
    sourceLocation: SourceLocation = #_sourceLocation
) -> String {
    let found = problems(text, names: names, sourceLocation: sourceLocation)
    #expect(found.count == 1, "\(found)", sourceLocation: sourceLocation)
    guard let first = found.first else { return "" }
    #expect(first.code == code, "\(first)", sourceLocation: sourceLocation)
    #expect(first.origin == .file(path: "chand.toml", line: line), "\(first)", sourceLocation: sourceLocation)
    #expect(first.key == key, "\(first)", sourceLocation: sourceLocation)
    return first.description
}

/// A directory that is gone when its body ends.
func withTemporaryDirectory<Result>(_ body: (String) throws -> Result) throws -> Result {
    var template = Array("/tmp/chand-config-XXXXXX".utf8CString)
    let path = try #require(
        template.withUnsafeMutableBufferPointer { $0.baseAddress.flatMap { mkdtemp($0) } })
    let directory = String(cString: path)
    defer { removeAll(in: directory) }
    return try body(directory)
}

private func removeAll(in directory: String) {
    if let stream = opendir(directory) {
        while let entry = readdir(stream) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) {
                $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            unlink(directory + "/" + name)
        }
        closedir(stream)
    }
    rmdir(directory)
}

/// Writes a file with exactly these permissions, whatever the umask.
func write(_ text: String, to path: String, mode: mode_t = 0o644) throws {
    let descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
    try #require(descriptor >= 0)
    defer { close(descriptor) }
    let bytes = Array(text.utf8)
    try #require(Glibc.write(descriptor, bytes, bytes.count) == bytes.count)
    try #require(fchmod(descriptor, mode) == 0)
}

/// A file's whole text.
func contents(of path: String) throws -> String {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC)
    try #require(descriptor >= 0, "\(path)")
    defer { close(descriptor) }
    var text: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 65536)
    while true {
        let count = read(descriptor, &chunk, chunk.count)
        guard count > 0 else { return String(decoding: text, as: UTF8.self) }
        text += chunk[..<count]
    }
}

/// The package's directory, from where this file was compiled.
func packageRoot(_ file: String = #filePath) -> String {
    file.split(separator: "/", omittingEmptySubsequences: false).dropLast(3).joined(separator: "/")
}
