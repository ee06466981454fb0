// SPDX-License-Identifier: Apache-2.0

import CChanSystem
import Glibc

/// The process we are.
public enum ThisProcess {
    /// Its number.
    public static var pid: Int32 { getpid() }
    /// The real user.
    public static var uid: UInt32 { getuid() }
    /// The effective user.
    public static var effectiveUid: UInt32 { geteuid() }
    /// The real group.
    public static var gid: UInt32 { getgid() }

    /// The effective group.
    public static var effectiveGid: UInt32 { getegid() }

    /// The supplementary groups.
    public static func groups() throws(SystemError) -> [UInt32] {
        var groups = [UInt32](repeating: 0, count: 65_536)
        let count = try checked(.getgroups) { getgroups(Int32(groups.count), &groups) }
        return Array(groups.prefix(Int(count)))
    }

    /// The file that runs.
    public static func executablePath() throws(SystemError) -> String {
        let link = "/proc/self/exe"
        var buffer = [CChar](repeating: 0, count: Int(PATH_MAX))
        let count = try checked(.readlink, link) { readlink(link, &buffer, buffer.count) }
        return String(decoding: buffer.prefix(count).map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    /// The value of an environment variable.
    public static func environment(_ name: String) -> String? {
        getenv(name).map { String(cString: $0) }
    }

    /// The value of an environment variable as it is, which need not be text.
    public static func environmentBytes(_ name: String) -> [UInt8]? { getenv(name).map { bytes($0) } }

    /// All environment variables, as far as they are text: what is none is replaced in them.
    public static func environment() -> [String: String] {
        var all: [String: String] = [:]
        // In bytes: as a Character, an equals sign is one with a mark behind it that combines.
        for entry in environmentEntries() {
            guard let equals = entry.firstIndex(of: equalsSign) else { continue }
            let name = String(decoding: entry[..<equals], as: UTF8.self)
            all[name] = String(decoding: entry[(equals + 1)...], as: UTF8.self)
        }
        return all
    }

    /// The environment as it is, for a child: each variable as its name, an equals sign, and the value.
    ///
    /// - Parameter changes: what a child gets in place of ours, or besides.
    static func environmentEntries(changing changes: [String: String] = [:]) -> [[UInt8]] {
        let changed = Set(changes.keys.map { Array($0.utf8) })
        var all: [[UInt8]] = []
        var next = chan_environment()
        while let pointer = next?.pointee {
            let entry = bytes(pointer)
            let name = Array(entry.prefix { $0 != equalsSign })
            if !changed.contains(name) { all.append(entry) }
            next = next?.advanced(by: 1)
        }
        return all + changes.map { Array("\($0.key)=\($0.value)".utf8) }
    }

    private static let equalsSign = UInt8(ascii: "=")

    private static func bytes(_ string: UnsafePointer<CChar>) -> [UInt8] {
        Array(UnsafeRawBufferPointer(start: string, count: strlen(string)))
    }

    /// How many descriptors the process may have open.
    public static func descriptorLimit() throws(SystemError) -> (soft: UInt64, hard: UInt64) {
        var soft: UInt64 = 0
        var hard: UInt64 = 0
        try checked(.prlimit) { chan_limit_descriptors(&soft, &hard) }
        return (soft, hard)
    }

    /// Sets how many descriptors the process may have open, up to the hard limit.
    public static func setDescriptorLimit(_ soft: UInt64) throws(SystemError) {
        try checked(.prlimit) { chan_set_limit_descriptors(soft) }
    }

    /// Lets the kernel take back the pages of program and libraries, which come back on demand.
    ///
    /// For a daemon whose start (arguments, configuration) needed most of its code and whose loop needs little.
    public static func releaseCleanPages() { chan_release_clean_pages() }

    /// How many processors the machine runs on, whatever this process may use of them.
    public static var onlineProcessors: Int { max(1, sysconf(Int32(_SC_NPROCESSORS_ONLN))) }

    /// The processors the calling thread may run on.
    public static func processors() throws(SystemError) -> [Int] {
        var numbers = [Int32](repeating: 0, count: 1024)
        let count = try checked(.schedGetAffinity) { chan_processors(&numbers, Int32(numbers.count)) }
        return numbers.prefix(Int(count)).map(Int.init)
    }

    /// Lets the calling thread, and the threads it starts, run on these processors only.
    public static func pinThread(to processors: [Int]) throws(SystemError) { try pin(0, to: processors) }

    /// Lets all threads that a process has, and those that they start, run on these processors only.
    public static func pin(process pid: Int32, to processors: [Int]) throws(SystemError) {
        for name in try Files.names(in: "/proc/\(pid)/task") {
            // One that has ended meanwhile needs none.
            do throws(SystemError) { try pin(Int32(name) ?? pid, to: processors) } catch
                where
                error.errno == SystemError.noSuchProcess
            {}
        }
    }

    private static func pin(_ thread: Int32, to processors: [Int]) throws(SystemError) {
        let numbers = processors.map { Int32(clamping: $0) }
        guard numbers.allSatisfy({ (0..<1024).contains($0) }) else {
            throw SystemError(errno: SystemError.invalidArgument, call: .schedSetAffinity)
        }
        try checked(.schedSetAffinity) { chan_thread_pin(thread, numbers, Int32(numbers.count)) }
    }

    /// The memory that is resident for a process, in bytes; ours without a number.
    public static func residentBytes(of pid: Int32? = nil) throws(SystemError) -> Int {
        let path = "/proc/\(pid.map(String.init) ?? "self")/status"
        let text = String(decoding: try Files.read(path), as: UTF8.self)
        for line in text.split(separator: "\n") where line.hasPrefix("VmRSS:") {
            if let kibibytes = line.split(whereSeparator: { !$0.isNumber }).first.flatMap({ Int($0) }) {
                return kibibytes * 1024
            }
        }
        // A process that has ended but was not waited for has no memory any more.
        return 0
    }

    /// How many descriptors a process has open; ours without a number.
    public static func openDescriptors(of pid: Int32? = nil) throws(SystemError) -> Int {
        try Files.names(in: "/proc/\(pid.map(String.init) ?? "self")/fd").count - (pid == nil ? 1 : 0)
    }
}

/// The processor that the calling thread runs on.
public enum Processor {
    /// A hint between two looks at what another processor may change, so many times: some ten nanoseconds each.
    public static func pause(_ times: Int = 1) {
        for _ in 0..<times { chan_processor_pause() }
    }

    /// Lets another thread that waits for this processor run first.
    public static func yield() {
        // It can't fail on Linux.
        _ = sched_yield()
    }
}
