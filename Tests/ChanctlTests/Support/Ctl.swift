// SPDX-License-Identifier: Apache-2.0

import ChanSystem
import ChanTestSupport
import Foundation
import Testing

/// What a run of chanctl came to.
struct Outcome {
    let status: ChanSystem.ExitStatus
    let output: [UInt8]
    let complaint: String

    /// The exit code; -1 where a signal ended it.
    var code: Int32 {
        guard case .exited(let code) = status else { return -1 }
        return code
    }

    var text: String { String(decoding: output, as: UTF8.self) }
    var lines: [String] { text.split(separator: "\n").map(String.init) }

    /// The output as one JSON object.
    func json(_ location: SourceLocation = #_sourceLocation) throws -> [String: Any] {
        try Self.object(output, location)
    }

    /// The complaint as one JSON object.
    func error(_ location: SourceLocation = #_sourceLocation) throws -> [String: Any] {
        try Self.object(Array(complaint.utf8), location)
    }

    static func object(_ bytes: [UInt8], _ location: SourceLocation) throws -> [String: Any] {
        let text = String(decoding: bytes, as: UTF8.self)
        let value = try? JSONSerialization.jsonObject(with: Data(bytes))
        return try #require(value as? [String: Any], "no JSON object: \(text)", sourceLocation: location)
    }
}

/// A chanctl that runs, with files as its streams: nothing can block for want of a reader.
final class CtlProcess {
    let process: ChildProcess
    private let directory: String
    private let lifeline: Lock<OwnedDescriptor?>

    /// Starts it; standard input is what is given, or, without that, a pipe that stays open.
    init(
        _ arguments: [String], program: String = "chanctl", input: [UInt8]?, environment: [String: String],
        output: Int32? = nil
    ) throws {
        directory = try Files.makeTemporaryDirectory(prefix: "chanctl-test")
        let out = try Files.open(writing: "\(directory)/out")
        let err = try Files.open(writing: "\(directory)/err")
        let path = program.hasPrefix("/") ? program : try BuiltProgram.path(program)
        if let input {
            try Files.write(input, to: "\(directory)/in")
            let source = try Files.open(reading: "\(directory)/in")
            lifeline = Lock(nil)
            process = try ChildProcess.spawn(
                path, arguments: arguments, environment: environment, stdin: .descriptor(source.raw),
                stdout: .descriptor(output ?? out.raw), stderr: .descriptor(err.raw))
        } else {
            let pipe = try Descriptor.pipe()
            process = try ChildProcess.spawn(
                path, arguments: arguments, environment: environment, stdin: .descriptor(pipe.reading.raw),
                stdout: .descriptor(output ?? out.raw), stderr: .descriptor(err.raw))
            lifeline = Lock(pipe.writing)
        }
    }

    deinit {
        try? process.kill(.kill)
        _ = try? process.wait()
        try? Files.removeTree(directory)
    }

    /// Writes to standard input, which then stays open.
    func write(_ text: String) throws {
        try lifeline.withLock { descriptor in
            guard let number = descriptor?.raw else { return }
            try Array(text.utf8).withUnsafeBytes { try Transfer.writeAll(number, $0) }
        }
    }

    /// Ends standard input.
    func endInput() {
        lifeline.withLock { $0 = nil }
    }

    /// What it has written so far.
    var outputSoFar: String {
        String(decoding: (try? Files.read("\(directory)/out")) ?? [], as: UTF8.self)
    }

    /// Waits for its end.
    func finish() throws -> Outcome {
        guard let status = try process.wait(timeoutMilliseconds: Patience.milliseconds) else {
            let complaint = String(decoding: try Files.read("\(directory)/err"), as: UTF8.self)
            throw LiveFailure("it does not end; so far: \(outputSoFar) \(complaint)")
        }
        return Outcome(
            status: status, output: try Files.read("\(directory)/out"),
            complaint: String(decoding: try Files.read("\(directory)/err"), as: UTF8.self))
    }
}

extension DaemonUnderTest {
    /// The environment of a client of this daemon.
    var clientEnvironment: [String: String] {
        var environment = Self.environment()
        environment["CHAND_SOCKET"] = socketPath
        return environment
    }

    /// Runs chanctl to its end.
    @discardableResult
    func ctl(_ arguments: String..., input: [UInt8] = []) throws -> Outcome {
        try start(arguments, input: input).finish()
    }

    /// Starts chanctl; without an input its standard input stays open.
    func start(_ arguments: [String], input: [UInt8]? = [], output: Int32? = nil) throws -> CtlProcess {
        try CtlProcess(arguments, input: input, environment: clientEnvironment, output: output)
    }

    /// Runs a shell script in which `chanctl` is ours.
    func shell(_ script: String) throws -> Outcome {
        try shellProcess(script, environment: clientEnvironment).finish()
    }

    /// What `show --json` says of a channel.
    func channel(_ name: String) throws -> [String: Any] {
        let object = try ctl("show", name, "--json").json()
        return try #require(object["channel"] as? [String: Any])
    }

    /// Waits until a number that `show --json` says of a channel is this.
    func wait(
        _ name: String, _ key: String, _ value: Int, _ location: SourceLocation = #_sourceLocation
    ) throws {
        try eventually("\(name): \(key) is \(value)", location) {
            let outcome = try ctl("show", name, "--json")
            guard outcome.code == 0, let channel = try outcome.json()["channel"] as? [String: Any] else {
                return false
            }
            return channel[key] as? Int == value
        }
    }
}

/// Starts a shell script in which `chanctl` is ours.
func shellProcess(_ script: String, environment: [String: String]) throws -> CtlProcess {
    let chanctl = try BuiltProgram.path("chanctl")
    return try CtlProcess(
        ["-c", "chanctl() { '\(chanctl)' \"$@\"; }\n\(script)"], program: "/bin/bash", input: [],
        environment: environment)
}

/// Waits for a state of the world that is sure to come.
func eventually(
    _ what: String, _ location: SourceLocation = #_sourceLocation, _ isThere: () throws -> Bool
) throws {
    let deadline = Patience.deadline()
    while try !isThere() {
        guard MonotonicClock.now() < deadline else {
            Issue.record("in vain: \(what)", sourceLocation: location)
            throw LiveFailure("in vain: \(what)")
        }
    }
}
