// SPDX-License-Identifier: Apache-2.0

import ArgumentParser

/// How often a verb looks again.
struct RepeatOptions: ParsableArguments, Sendable {
    @Option(
        help: ArgumentHelp("Look again every so often.", valueName: "DURATION"), transform: Self.interval)
    var interval: Duration?

    @Option(
        name: .customShort("n"), help: ArgumentHelp("Look so many times, and end.", valueName: "COUNT"),
        transform: Self.count)
    var count: Int?

    private static func interval(_ text: String) throws -> Duration {
        let interval = try Quantities.duration(text)
        guard interval >= .milliseconds(10) else {
            throw ValidationError("\"\(text)\" is too short an interval; it has to be 10ms or more")
        }
        return interval
    }

    private static func count(_ text: String) throws -> Int {
        if let count = Int(text), count > 0 { return count }
        throw ValidationError("\"\(text)\" is no number of times; it has to be 1 or more")
    }

    /// Calls a body at once and then at every interval, until it has been called often enough or returns false.
    func run(every standard: Duration, _ body: () async throws -> Bool) async throws {
        let clock = ContinuousClock()
        var due = clock.now
        var left = count ?? .max
        while try await body() {
            left -= 1
            guard left > 0 else { return }
            // A pause that was missed is not made up for.
            due = max(due + (interval ?? standard), clock.now)
            try await clock.sleep(until: due)
        }
    }
}
