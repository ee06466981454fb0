// SPDX-License-Identifier: Apache-2.0

import Channels

/// What a worker is to do.
private struct Job: Codable, Sendable {
    var number: Int
    var words: [String]
}

/// Four workers share a channel of jobs and answer on a channel of results.
@main
struct WorkerPool {
    static func main() async throws {
        let client = try await ChandClient.connect(name: "worker-pool")
        try await client.run { try await work(client) }
        await client.close()
    }

    private static func work(_ client: ChandClient) async throws {
        let jobs = try await client.channel("pool/jobs", capacity: 16, of: Job.self)
        let results = try await client.channel("pool/results", capacity: 16, of: String.self)
        try await withThrowingTaskGroup(of: Void.self) { group in
            for worker in 1...4 {
                group.addTask {
                    for try await job in jobs {
                        let longest = job.words.max { $0.count < $1.count } ?? ""
                        try await results.send("worker \(worker): job \(job.number): \(longest)")
                    }
                }
            }
            group.addTask {
                for number in 1...20 {
                    try await jobs.send(
                        Job(number: number, words: ["one", "channel", "and \(number) words"]))
                }
                _ = try await jobs.close()
            }
            for _ in 1...20 { print(try await results.receive()) }
            try await group.waitForAll()
        }
    }
}
