// SPDX-License-Identifier: Apache-2.0

import ChanSystem
import ChandConfig
import Channels

/// Why a verb did not succeed: one line for people, an object for programs, and the exit code.
struct Failure: Error {
    /// A word for programs; the library's own where it has one.
    let code: String
    let message: String
    let channel: String?
    let exit: ExitStatusCode
    /// Whether people know already, as with the interrupt key.
    var isQuiet = false

    init(_ code: String, _ message: String, channel: String? = nil, exit: ExitStatusCode) {
        self.code = code
        // One line, whatever a text that came from elsewhere has in it.
        self.message = Printable.line(message)
        self.channel = channel
        self.exit = exit
    }

    /// A command line that is wrong in a way that the parser can't see.
    static func usage(_ message: String) -> Failure {
        Failure("usage", message, exit: .usage)
    }

    /// A try that would have had to wait.
    static func wouldBlock(_ message: String, channel: String?) -> Failure {
        Failure("wouldBlock", message, channel: channel, exit: .timeout)
    }

    /// Whatever was thrown.
    init(_ error: any Error) {
        switch error {
        case let failure as Failure:
            self = failure
        case let closed as ChannelClosed:
            self.init("closed", "\(closed)", channel: closed.channel, exit: .closed)
        case let error as ChandError:
            self.init("\(error.code)", "\(error)", channel: error.channel, exit: Self.exit(error.code))
        case is CancellationError:
            self.init("interrupted", "interrupted", exit: .interrupted)
            isQuiet = true
        case is BrokenPipe:
            self.init("brokenPipe", "nobody reads the output any more", exit: .failed)
            isQuiet = true
        case let fault as InputFault:
            self.init(fault.code, fault.description, exit: .failed)
        default:
            self.init("failed", "\(error)", exit: .failed)
        }
    }

    /// A connection that could not be made: whatever took too long then, it was the daemon.
    init(connecting error: any Error) {
        self.init(error)
        guard let error = error as? ChandError, error.code == .timeout else { return }
        self.init(
            "daemonNotRunning",
            "\(error); start one with `systemctl start chand.socket`, or run the program "
                + "under `chanctl run -- COMMAND`", exit: .unreachable)
    }

    private static func exit(_ code: ChandError.Code) -> ExitStatusCode {
        switch code {
        case .daemonNotRunning, .cannotConnect, .pathTooLong, .connectionLost, .outcomeUnknown: .unreachable
        case .noSuchChannel: .noSuchChannel
        case .timeout: .timeout
        case .notPermitted: .notPermitted
        case .quotaExceeded: .quota
        case .versionMismatch, .protocolViolation: .protocolError
        case .invalidName, .invalidArgument: .usage
        case .cancelled: .interrupted
        default: .failed
        }
    }

    /// What standard error gets with `--json`.
    var json: JSON {
        [
            "version": .number(JSON.schemaVersion), "code": .string(code), "message": .string(message),
            "channel": channel.map(JSON.string) ?? .null, "exit": .number(Int(exit.rawValue)),
        ]
    }
}

extension Failure {
    /// Whatever was thrown, with the nearest name where a channel was mistyped.
    static func of(_ error: any Error, _ client: ChandClient) async -> Failure {
        let failure = Failure(error)
        guard failure.exit == .noSuchChannel, let name = failure.channel else { return failure }
        let space = OwnSpace(user: client.daemon.user)
        var names: [String] = []
        // Not being able to suggest anything is no failure of its own.
        do { for try await channel in client.list() { names.append(channel.name) } } catch {}
        let relative = names.map(space.relative)
        let near = Nearest.of(name, among: name.hasPrefix("/") ? names : relative)
        let hint = near.map { "did you mean \($0)?" } ?? "`chanctl list` shows what there is"
        return Failure(
            failure.code, "there is no channel \(name): \(hint)", channel: name, exit: failure.exit)
    }
}
