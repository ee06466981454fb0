// SPDX-License-Identifier: Apache-2.0

/// Which cases a call measures.
struct BenchPlan {
    var workloads: [BenchWorkload]
    /// Only this size.
    var payload: Int?
    var capacity: Int?
    var producers = 4
    var consumers = 4
    /// Whether the processors are enough to tell the daemon's from the clients'.
    var canSplit: Bool

    private static let withoutSpin = ["loop.spin=0s"]
    private static let mostUnderWay = 16 << 20

    var cases: [BenchCase] { workloads.flatMap(cases) }

    private func cases(_ workload: BenchWorkload) -> [BenchCase] {
        switch workload {
        case .latency: placed(latency)
        case .sync: placed(sync)
        case .throughput: (payload.map { [$0] } ?? [64, 1024, 64 << 10, 1 << 20]).flatMap(throughput)
        case .lease: lease
        case .fan: fan
        case .select: select
        case .many: [sized(BenchCase(workload: .many))]
        }
    }

    /// Every case in every placement; what the daemon's spin does shows where it has a processor of its own.
    private func placed(_ cases: [BenchCase]) -> [BenchCase] {
        BenchPlacement.allCases.filter { canSplit || $0 != .split }.flatMap { placement in
            cases.filter { $0.settings.isEmpty || placement == .split }.map { job in
                var job = sized(job)
                job.placement = placement
                return job
            }
        }
    }

    private func sized(_ job: BenchCase) -> BenchCase {
        var job = job
        if let payload { job.payload = payload }
        // As much under way as the peers' harness lets be, where they set no bound themselves.
        if job.capacity > 0 {
            job.capacity = capacity ?? max(1, min(job.capacity, Self.mostUnderWay / job.payload))
        }
        return job
    }

    private var latency: [BenchCase] {
        let tasks = BenchCase(workload: .latency, capacity: 1024, sending: .later, receiving: .ahead)
        var rendezvous = tasks
        rendezvous.system = "chand-rendezvous"
        rendezvous.capacity = 0
        var blocking = tasks
        blocking.system = "chand-blocking"
        blocking.sending = .blocking
        blocking.receiving = .blocking
        var awake = tasks
        awake.system = "chand-nospin"
        awake.settings = Self.withoutSpin
        return [tasks, rendezvous, blocking, awake]
    }

    private var sync: [BenchCase] {
        let tasks = BenchCase(workload: .sync, capacity: 1024, sending: .task, receiving: .ahead)
        var rendezvous = tasks
        rendezvous.system = "chand-rendezvous"
        rendezvous.capacity = 0
        rendezvous.receiving = .plain
        var receipt = tasks
        receipt.system = "chand-receipt"
        receipt.awaitsReceipt = true
        var blocking = tasks
        blocking.system = "chand-blocking"
        blocking.sending = .blocking
        blocking.receiving = .blocking
        var awake = tasks
        awake.system = "chand-nospin"
        awake.settings = Self.withoutSpin
        return [tasks, rendezvous, receipt, blocking, awake]
    }

    private func throughput(_ payload: Int) -> [BenchCase] {
        var gathered = BenchCase(
            workload: .throughput, payload: payload, depth: 1024, capacity: 4096, sending: .gathered,
            receiving: .ahead)
        gathered = sized(gathered)
        var later = gathered
        later.depth = 0
        later.sending = .later
        guard payload == 64 || self.payload != nil else { return [gathered, later] }
        var tasks = later
        tasks.system = "chand-tasks"
        tasks.sending = .tasks
        var single = gathered
        single.depth = 1
        single.sending = .task
        single.receiving = .plain
        return [gathered, tasks, later, single]
    }

    private var lease: [BenchCase] {
        [
            BenchCase(workload: .lease, capacity: 1024, sending: .task, receiving: .leases),
            BenchCase(
                workload: .lease, depth: 512, capacity: 4096, sending: .gathered, receiving: .leases),
        ].map(sized)
    }

    private var fan: [BenchCase] {
        [
            BenchCase(workload: .fan, capacity: 1024, sending: .task, receiving: .ahead),
            BenchCase(workload: .fan, depth: 0, capacity: 4096, sending: .later, receiving: .ahead),
            BenchCase(workload: .fan, depth: 1024, capacity: 4096, sending: .gathered, receiving: .ahead),
        ].map { job in
            var job = sized(job)
            job.producers = producers
            job.consumers = consumers
            return job
        }
    }

    private var select: [BenchCase] {
        [
            BenchCase(workload: .select, capacity: 1024, sending: .task, receiving: .select),
            BenchCase(workload: .select, depth: 0, capacity: 1024, sending: .later, receiving: .selects),
            BenchCase(workload: .select, depth: 512, capacity: 1024, sending: .gathered, receiving: .selects),
        ].map { job in
            var job = sized(job)
            job.producers = 8
            return job
        }
    }
}
