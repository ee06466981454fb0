// SPDX-License-Identifier: Apache-2.0

/// CONTROL: an administrator's request to the daemon itself.
public enum ControlRequest: Equatable, Sendable {
    /// Read the configuration anew; answered when it is in force, or refused.
    case reload
    /// Stop in order.
    case stop
    /// Log this level and everything more important, until the next reload.
    case logLevel(String)

    /// Reads a CONTROL frame: `field` says what to do.
    public init(_ header: FrameHeader, reading body: UnsafeRawBufferPointer) throws(WireFault) {
        var reader = WireReader(body)
        switch header.field {
        case 1: self = .reload
        case 2: self = .stop
        case 3: self = .logLevel(try reader.string())
        default: throw WireFault(.malformed, "CONTROL has an unknown action \(header.field)")
        }
        try reader.finish()
    }

    /// The frame.
    public func encoded(request: UInt64) -> [UInt8] {
        switch self {
        case .reload: return WireWriter(.control, field: 1, request: request).finish()
        case .stop: return WireWriter(.control, field: 2, request: request).finish()
        case .logLevel(let level):
            var writer = WireWriter(.control, field: 3, request: request)
            writer.string(level)
            return writer.finish()
        }
    }
}

/// DAEMON_STATE: what an administrator is told of the daemon as a whole.
public struct DaemonState: Equatable, Sendable {
    /// Its process.
    public var pid: UInt32 = 0
    /// Sessions there are.
    public var sessions: UInt32 = 0
    /// Channels there are.
    public var channels: UInt64 = 0
    /// Messages there are, queued, waiting and unsettled.
    public var messages: UInt64 = 0
    /// Messages accepted since the daemon started.
    public var accepted: UInt64 = 0
    /// Operations that wait.
    public var waiting: UInt64 = 0
    /// For how many nanoseconds the one has waited that waits longest; 0 where none waits.
    public var longestWait: UInt64 = 0
    /// For how many nanoseconds it has been running.
    public var uptime: UInt64 = 0
    /// What is logged.
    public var logLevel = ""
    /// Where its configuration is read from.
    public var configuration = ""
    /// Why the last reload failed; empty where it did not.
    public var reloadFailure = ""

    /// Makes an empty state.
    public init() {}

    /// Reads a DAEMON_STATE frame.
    public init(reading body: UnsafeRawBufferPointer) throws(WireFault) {
        var reader = WireReader(body)
        pid = try reader.u32()
        sessions = try reader.u32()
        channels = try reader.u64()
        messages = try reader.u64()
        accepted = try reader.u64()
        waiting = try reader.u64()
        longestWait = try reader.u64()
        uptime = try reader.u64()
        logLevel = try reader.string()
        configuration = try reader.string()
        reloadFailure = try reader.string()
        try reader.finish()
    }

    /// The frame.
    public func encoded(request: UInt64) -> [UInt8] {
        var writer = WireWriter(.daemonState, request: request)
        writer.integer(pid)
        writer.integer(sessions)
        writer.integer(channels)
        writer.integer(messages)
        writer.integer(accepted)
        writer.integer(waiting)
        writer.integer(longestWait)
        writer.integer(uptime)
        writer.string(logLevel)
        writer.string(configuration)
        writer.string(reloadFailure)
        return writer.finish()
    }
}
