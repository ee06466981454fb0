// SPDX-License-Identifier: Apache-2.0

import ChanSystem
import Glibc

/// What the kernel says of processes and of the machine.
enum BenchMachine {
    /// The processor time that a process has used, with all its threads, in microseconds.
    static func processorMicroseconds(of pid: Int32) throws -> Double {
        var clock = clockid_t()
        var time = timespec()
        guard clock_getcpuclockid(pid, &clock) == 0, clock_gettime(clock, &time) == 0 else {
            throw BenchFault("process \(pid) is gone")
        }
        return Double(time.tv_sec) * 1e6 + Double(time.tv_nsec) / 1e3
    }

    /// What all processes of the machine have used, and the host took, in microseconds.
    static func busyMicroseconds() throws -> Double {
        let text = String(decoding: try Files.read("/proc/stat"), as: UTF8.self)
        let ticks = text.prefix { $0 != "\n" }.split(separator: " ").dropFirst().prefix(8).map {
            Double($0) ?? 0
        }
        guard ticks.count == 8 else { throw BenchFault("/proc/stat is not as expected") }
        // All but what was idle or waited for disks.
        let used = ticks.enumerated().filter { $0.offset != 3 && $0.offset != 4 }.map(\.element)
        return used.reduce(0, +) * 1e6 / Double(sysconf(Int32(_SC_CLK_TCK)))
    }
}
