// SPDX-License-Identifier: Apache-2.0

/// What is measured, by the letter that the peers' harness has for it.
package enum BenchWorkload: String, CaseIterable, Sendable {
    case latency = "L"
    case throughput = "T"
    case sync = "S"
    case lease = "W"
    case fan = "F"
    case select = "X"
    case many = "M"

    /// As it is typed.
    package var word: String { "\(self)" }

    init?(text: String) {
        guard let found = Self.allCases.first(where: { $0.word == text || $0.rawValue == text }) else {
            return nil
        }
        self = found
    }
}

/// Which processor runs what.
package enum BenchPlacement: String, CaseIterable, Sendable {
    /// Whatever the kernel likes.
    case free
    /// The daemon on the first processor, the clients on the second.
    case split
    /// Everything on the first.
    case one

    /// How many processors it needs.
    var processors: Int { self == .one ? 1 : 2 }
}

/// How a process sends.
enum BenchSending: String, Sendable {
    /// The blocking client, one after the other.
    case blocking
    /// A task that waits for each.
    case task
    /// A task that waits for none.
    case later
    /// 64 tasks that wait for each.
    case tasks
    /// Batches, several under way.
    case gathered
}

/// How a process receives.
enum BenchReceiving: String, Sendable {
    /// The blocking client, one after the other.
    case blocking
    /// An iteration, one after the other.
    case plain
    /// An iteration that reads ahead.
    case ahead
    /// Leases received ahead.
    case leases
    /// A select over all channels for each.
    case select
    /// Several selects in one turn.
    case selects
}

/// One row of figures: a workload, and the way in which it is done.
struct BenchCase: Sendable {
    var system = "chand"
    var workload: BenchWorkload
    var payload = 64
    /// As with the peers: 1 is one by one, 0 one send a message and as many received as are there, more is gathered.
    var depth = 1
    var capacity = 0
    var sending = BenchSending.blocking
    var receiving = BenchReceiving.blocking
    var awaitsReceipt = false
    var placement = BenchPlacement.free
    var producers = 1
    var consumers = 1
    /// What the daemon is told besides.
    var settings: [String] = []

    /// How many channels: each producer has one of its own where there is one consumer for several.
    var channels: Int { workload == .latency ? 2 : workload == .select ? producers : 1 }

    /// How many messages are gathered: not more than the library puts into one request, so that several tasks' batches keep
    /// their order.
    var batch: Int { max(1, min(depth, (96 << 10) / payload)) }

    /// How many messages are taken at a time by who takes several: as many as there are where each is sent on its own.
    var batchReceived: Int { depth == 0 ? 512 : batch }

    /// How many messages are read ahead.
    var ahead: Int { max(1, capacity / 2) }

    /// As messages about it begin.
    var title: String { "\(system) \(workload.word), payload \(payload), depth \(depth), \(placement)" }
}

/// One process of a measurement.
struct BenchRole: Sendable {
    enum Kind: String, Sendable {
        case ping, pong, producer, consumer
    }

    var kind: Kind
    var number: Int
    var job: BenchCase
    /// Different for every repetition: part of the channels' names.
    var tag: String
    var processors: [Int]

    /// A channel's name.
    func channel(_ index: Int) -> String { "bench/\(tag)/\(index)" }

    /// The argument that makes a process this one.
    var argument: String {
        let words: [String] = [
            kind.rawValue, "\(number)", tag, job.workload.rawValue, "\(job.payload)", "\(job.depth)",
            "\(job.capacity)", job.sending.rawValue, job.receiving.rawValue, job.awaitsReceipt ? "1" : "0",
            "\(job.producers)", "\(job.consumers)", processors.map(String.init).joined(separator: "+"),
        ]
        return words.joined(separator: ",")
    }

    init(_ kind: Kind, _ number: Int, of job: BenchCase, tag: String, processors: [Int]) {
        self.kind = kind
        self.number = number
        self.job = job
        self.tag = tag
        self.processors = processors
    }

    init?(argument: String) {
        let words = argument.split(separator: ",").map(String.init)
        guard words.count == 13, let kind = Kind(rawValue: words[0]), let number = Int(words[1]),
            let workload = BenchWorkload(rawValue: words[3]), let payload = Int(words[4]),
            let depth = Int(words[5]), let capacity = Int(words[6]),
            let sending = BenchSending(rawValue: words[7]),
            let receiving = BenchReceiving(rawValue: words[8]), let producers = Int(words[10]),
            let consumers = Int(words[11]), (0..<BenchBoard.mostRoles).contains(number),
            payload >= BenchCodec.leastBytes
        else { return nil }
        let job = BenchCase(
            workload: workload, payload: payload, depth: depth, capacity: capacity, sending: sending,
            receiving: receiving, awaitsReceipt: words[9] == "1", producers: producers, consumers: consumers)
        self.init(
            kind, number, of: job, tag: words[2],
            processors: words[12].split(separator: "+").compactMap { Int($0) })
    }
}
