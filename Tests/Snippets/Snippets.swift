// SPDX-License-Identifier: Apache-2.0

import Channels
import Glibc

/// The code of the documentation's articles and of the README, run with a daemon: `chand-snippets`, or one by its name.
///
/// Tests/Scripts/check-snippets sees to it that the articles have no other code.
@main
struct Snippets {
    private static let all: [(String, @Sendable () async throws -> Void)] = [
        ("readme", readme), ("getting-started", gettingStarted), ("inside", inside), ("channels", channels),
        ("iterating", iterating), ("batches", batches), ("passing", passing), ("selecting", selecting),
        ("conditions", conditions), ("ready", ready), ("several", several), ("sources", sources),
        ("leases", leases),
        ("confirming", confirming), ("from-go", fromGo), ("from-awaitchannel", fromAwaitchannel),
        ("pending", pending), ("errors", errors), ("undecodable", undecodable), ("closing", closing),
        ("timeouts", timeouts),
        ("reconnecting", reconnecting), ("limits", limits), ("fast", fast), ("blocking", blocking),
    ]

    static func main() async {
        for (name, snippet) in all where CommandLine.arguments.count < 2 || CommandLine.arguments[1] == name {
            do {
                try await snippet()
                print("\(name) ran")
                // What is printed is not lost with a snippet that hangs.
                fflush(nil)
            } catch {
                print("\(name) failed: \(error)")
                exit(1)
            }
        }
    }
}

/// A snippet did not do what its article says.
struct Unexpected: Error {
    let line: Int
}

/// Checks what a snippet did.
func expect(_ condition: Bool, line: Int = #line) throws {
    if !condition { throw Unexpected(line: line) }
}
