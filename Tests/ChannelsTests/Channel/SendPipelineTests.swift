// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import Channels

/// Who asks the daemon for outcomes that it may keep (rule 24).
@Suite struct SendPipelineTests {
    /// A task that flushes may have asked before another one's send was begun.
    @Test func whoBeginsASendThatOthersWaitForAsks() async throws {
        let pipeline = SendPipeline(maxWaiting: 8)
        let first = try await pipeline.enter {}
        pipeline.add(bytes: 1)
        #expect(!pipeline.written())
        let second = try await pipeline.enter {}
        let (asked, ask) = AsyncStream.makeStream(of: Void.self)
        let flushing = Task { try await pipeline.flush { ask.finish() } }
        for await _ in asked {}
        pipeline.add(bytes: 1)
        #expect(pipeline.written())
        for place in [first, second] { pipeline.leave(place.number, bytes: 1, error: nil) }
        try await flushing.value
    }

    /// One of several that wait is enough, until something more is begun.
    @Test func itIsAskedOnce() async throws {
        let pipeline = SendPipeline(maxWaiting: 2)
        let place = try await pipeline.enter {}
        pipeline.add(bytes: 1)
        #expect(!pipeline.written())
        let (asked, ask) = AsyncStream.makeStream(of: Int.self)
        let entering = (0..<2).map { number in
            Task {
                let place = try await pipeline.enter { ask.yield(number) }
                pipeline.leave(place.number, bytes: 0, error: nil)
            }
        }
        var asking = asked.makeAsyncIterator()
        _ = await asking.next()
        pipeline.leave(place.number, bytes: 1, error: nil)
        for task in entering { try await task.value }
        ask.finish()
        #expect(await asking.next() == nil)
    }

    /// What was answered with what else the daemon wrote need not be asked for.
    @Test func halfOfWhatMayBeUnderWayIsAskedFor() async throws {
        let pipeline = SendPipeline(maxWaiting: 16)
        for _ in 0..<20 {
            let place = try await pipeline.enter {}
            pipeline.add(bytes: 1)
            #expect(!place.isUrgent)
            pipeline.leave(place.number, bytes: 1, error: nil)
        }
        var urgent: [UInt64] = []
        for _ in 0..<8 {
            let place = try await pipeline.enter {}
            pipeline.add(bytes: 1)
            if place.isUrgent { urgent.append(place.number) }
        }
        #expect(urgent == [24, 28])
    }

    /// The same of bytes, of which 256 KiB may be.
    @Test func halfOfTheBytesThatMayBeUnderWayIsAskedFor() async throws {
        let pipeline = SendPipeline(maxWaiting: 512)
        for _ in 0..<4 {
            let place = try await pipeline.enter {}
            pipeline.add(bytes: 60 << 10)
            #expect(!place.isUrgent)
            pipeline.leave(place.number, bytes: 60 << 10, error: nil)
        }
        let places = [try await pipeline.enter {}, try await pipeline.enter {}]
        pipeline.add(bytes: 130 << 10)
        let next = try await pipeline.enter {}
        #expect(places.allSatisfy { !$0.isUrgent } && next.isUrgent)
    }
}
