// SPDX-License-Identifier: Apache-2.0

public import ChanSystem
import Glibc

/// A terminal that a test looks at and types on, for programs that are for people.
///
/// What a program writes is in ``log``; lines end in `\r\n` there, as the terminal makes them.
public final class PseudoTerminal: Sendable {
    private let keyboard: OwnedDescriptor
    /// Kept open, so that the terminal stays when a program has ended.
    private let line: OwnedDescriptor
    /// What has come to the screen.
    public let log: ProcessLog

    /// Makes a terminal of this size.
    public init(columns: Int = 80, rows: Int = 24) throws {
        var (keyboard, line): (Int32, Int32) = (-1, -1)
        var size = winsize(
            ws_row: UInt16(rows), ws_col: UInt16(columns), ws_xpixel: 0, ws_ypixel: 0)
        guard openpty(&keyboard, &line, nil, nil, &size) == 0 else {
            throw SystemError(errno: errno, call: .open, subject: "a pseudo-terminal")
        }
        self.keyboard = OwnedDescriptor(taking: keyboard)
        self.line = OwnedDescriptor(taking: line)
        log = try ProcessLog(reading: self.keyboard.duplicate())
    }

    /// Starts a program whose terminal this is: keys that mean signals reach it, and so does a change of size.
    ///
    /// - Parameters:
    ///   - input: what it reads instead of the keyboard.
    ///   - output: where it writes instead of to the screen; its errors are on the screen all the same.
    public func start(
        _ path: String, _ arguments: [String], environment: [String: String],
        input: ChildProcess.Stream? = nil, output: ChildProcess.Stream? = nil
    ) throws -> ChildProcess {
        // Of setsid's own streams the input becomes its terminal, so a program's other input is put in place later.
        let shell = input == nil ? [path] : ["/bin/sh", "-c", "exec \"$0\" \"$@\" <&3", path]
        var environment = environment
        environment["TERM"] = "xterm-256color"
        return try ChildProcess.spawn(
            "/usr/bin/setsid", arguments: ["--ctty"] + shell + arguments, environment: environment,
            stdin: .descriptor(line.raw), stdout: output ?? .descriptor(line.raw),
            stderr: .descriptor(line.raw), passing: Self.passed(input))
    }

    private static func passed(_ input: ChildProcess.Stream?) throws -> [Int32] {
        switch input {
        case nil: []
        case .descriptor(let number)?: [number]
        default: throw LiveFailure("a program's other input than the keyboard is a descriptor")
        }
    }

    /// Presses keys.
    public func type(_ keys: String) throws {
        try Array(keys.utf8).withUnsafeBytes { try Transfer.writeAll(keyboard.raw, $0) }
    }

    /// Changes the size, of which the program is told.
    public func resize(columns: Int, rows: Int) throws {
        let stty = try ChildProcess.spawn(
            "/bin/stty", arguments: ["rows", "\(rows)", "columns", "\(columns)"],
            stdin: .descriptor(line.raw))
        guard try stty.wait().isSuccess else { throw LiveFailure("the size can't be changed") }
    }

    /// The settings of the line, as `stty --save` prints them: the same before and after a program that leaves the
    /// terminal as it was.
    public func settings() throws -> String {
        let pipe = try Descriptor.pipe()
        let stty = try ChildProcess.spawn(
            "/bin/stty", arguments: ["--save"], stdin: .descriptor(line.raw),
            stdout: .descriptor(pipe.writing.raw))
        guard try stty.wait().isSuccess else { throw LiveFailure("the settings can't be read") }
        var bytes = [UInt8](repeating: 0, count: 4096)
        guard
            case .bytes(let count) = bytes.withUnsafeMutableBytes({
                Transfer.read(pipe.reading.raw, into: $0)
            })
        else { throw LiveFailure("stty says nothing") }
        return String(decoding: bytes[..<count], as: UTF8.self)
    }
}
