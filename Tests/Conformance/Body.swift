// SPDX-License-Identifier: Apache-2.0

public import Testing

/// What a body does its work with.
public struct ConformanceContext: Sendable {
    /// Where the channels live.
    public let backend: any ConformanceBackend
    /// How much a body that repeats itself does: 1 where an operation costs microseconds, less where more.
    public let scale: Double

    /// Makes a context.
    public init(_ backend: any ConformanceBackend, scale: Double = 1) {
        self.backend = backend
        self.scale = scale
    }

    /// A number of repetitions, at least 1.
    public func times(_ count: Int) -> Int { max(1, Int(Double(count) * scale)) }

    /// A client for the body's own task.
    public func client() async throws -> any ConformanceClient { try await backend.connect() }

    /// Runs tasks at once, each with a client of its own; ends when all have.
    public func together(
        _ tasks: [@Sendable (any ConformanceClient) async throws -> Void]
    ) async throws {
        // Whoever comes late may meet an empty channel, but its name is there while the others have it:
        // clients stay until all tasks are over.
        var clients: [any ConformanceClient] = []
        for _ in tasks { clients.append(try await backend.connect()) }
        try await withThrowingTaskGroup(of: Void.self) { group in
            for (client, task) in zip(clients, tasks) { group.addTask { try await task(client) } }
            try await group.waitForAll()
        }
        for client in clients { await client.leave() }
    }

    /// Waits until a state is reached that another task brings about; fails the test after 20 seconds.
    public func until(
        _ location: SourceLocation = #_sourceLocation,
        _ condition: () async throws -> Bool
    ) async throws {
        let clock = ContinuousClock()
        let end = clock.now + .seconds(20)
        while !(try await condition()) {
            guard clock.now < end else {
                Issue.record("it does not come to pass", sourceLocation: location)
                throw ConformanceFailure.timeout
            }
            await Task.yield()
        }
    }
}

/// One thing that every backend must do, by the name of the test that it was written after.
public struct ConformanceBody: Sendable, CustomTestStringConvertible {
    /// Where it comes from, and which rules it holds.
    public let testDescription: String
    /// Runs it.
    public let run: @Sendable (ConformanceContext) async throws -> Void

    init(_ name: String, _ run: @escaping @Sendable (ConformanceContext) async throws -> Void) {
        testDescription = name
        self.run = run
    }

    /// All of them.
    public static var all: [ConformanceBody] {
        goRuntime + goChan + goSelect + goPrograms + crossbeamBuffered + crossbeamZero + crossbeamIter
            + ends
    }
}

/// A number that several tasks add to.
actor Tally {
    private(set) var sum: UInt64 = 0
    private(set) var elements: [UInt64] = []

    func add(_ value: UInt64) { sum += value }
    func note(_ element: UInt64) { elements.append(element) }
    func note(_ more: [UInt64]) { elements += more }
}
