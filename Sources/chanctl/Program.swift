// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import ChanSystem
import Glibc

/// The program: reads the command line, runs one verb, and ends with that verb's exit code.
///
/// Not an async main: that turns the main thread into one that lets every signal through.
@main
enum Program {
    static func main() {
        Descriptor.keepStandard()
        let invocation = Invocation.ofThisProcess
        do {
            if let fault = invocation.fault ?? faultOfHelp(invocation) { throw fault }
            try run(try Chanctl.parseAsRoot(invocation.words))
        } catch let failure as Failure {
            end(with: failure, invocation)
        } catch let status as ExitCode {
            exit(status.rawValue)
        } catch {
            end(with: error, invocation)
        }
        exit(0)
    }

    /// What is wrong with the verb that `help` is asked about: the parser would show the help of the whole program.
    private static func faultOfHelp(_ invocation: Invocation) -> Failure? {
        guard invocation.verb == "help" else { return nil }
        var words = invocation.words.dropFirst()
        while let word = words.popFirst() {
            if !word.hasPrefix("-") { return Invocation([word]).fault }
            if Invocation.optionsWithValue.contains(word) { words = words.dropFirst() }
        }
        return nil
    }

    /// Runs a verb, so that the interrupt key ends it in order: what waits is withdrawn, what came is
    /// printed.
    private static func run(_ command: any ParsableCommand) throws {
        guard let verb = command as? any DaemonCommand else {
            var command = command
            return try command.run()
        }
        // Before any other thread starts, which would get the signal otherwise.
        let signals = Lock<SignalSource?>(try SignalSource(type(of: verb).interruptions))
        try wait(for: verb.perform) { cancel in try Interruption.watch(signals, cancel) }
    }

    /// Runs a body on other threads, while the main one waits for its end.
    ///
    /// - Parameter begin: gets what cancels the body.
    static func wait(
        for body: @escaping @Sendable () async throws -> Void,
        _ begin: (_ cancel: @escaping @Sendable () -> Void) throws -> Void
    ) throws {
        let outcome = ConditionLock<Result<Void, any Error>?>(nil)
        let work = Task.detached {
            do {
                try await body()
                outcome.withLock { $0 = .success(()) }
            } catch {
                outcome.withLock { $0 = .failure(error) }
            }
            outcome.signal()
        }
        try begin { work.cancel() }
        try outcome.wait { $0 }?.get()
    }

    /// Ends the process because what was received can't be written, on the client's own thread.
    ///
    /// What was received is settled at the end of that thread's turn, which never comes: the daemon finds the session
    /// dead, and puts the messages back. Throwing instead would end the turn.
    static func endUnsettled(_ error: any Error) -> Never { end(with: Failure(error), .ofThisProcess) }

    /// Says what went wrong, the way the caller asked for, and ends the process.
    private static func end(with failure: Failure, _ invocation: Invocation) -> Never {
        let failure = invocation.verb == Check.configuration.commandName ? failure.ofCheck : failure
        if !failure.isQuiet || invocation.wantsJSON {
            let line = invocation.wantsJSON ? failure.json.description : "chanctl: \(failure.message)"
            // Where standard error takes nothing, the exit code is all there is to say.
            try? Array((line + "\n").utf8).withUnsafeBytes { try Transfer.writeAll(2, $0) }
        }
        exit(failure.exit.rawValue)
    }

    private static func end(with error: any Error, _ invocation: Invocation) -> Never {
        // What the argument parser throws: help and version, which are no failures, and wrong usage.
        let code = Chanctl.exitCode(for: error)
        if code.isSuccess {
            let text = Array((Chanctl.fullMessage(for: error) + "\n").utf8)
            let written: Void? = try? text.withUnsafeBytes { try Transfer.writeAll(1, $0) }
            exit(written == nil ? 1 : 0)
        }
        guard code == .validationFailure else { end(with: Failure(error), invocation) }
        end(with: Usage.failure(Chanctl.message(for: error), verb: invocation.verb), invocation)
    }
}

/// The interrupt key.
enum Interruption {
    /// How long an interrupted verb may take to end in order.
    ///
    /// Long enough for the daemon's answer on a machine with much other work; who does not want to wait presses the key
    /// again.
    private static let patienceMilliseconds: UInt64 = 3000

    /// Calls a body at the first of its signals, and ends the process if that, or patience, is not enough.
    static func watch(_ box: Lock<SignalSource?>, _ body: @escaping @Sendable () -> Void) throws {
        _ = try NativeThread.start(name: "chanctl-signals") {
            guard let signals = box.withLock({ $0.take() }) else { return }
            guard (try? wait(signals, until: nil)) == true else { return }
            body()
            // A write that blocks, into a pager say, knows nothing of cancelling.
            let deadline = MonotonicClock.deadline(milliseconds: patienceMilliseconds)
            _ = try? wait(signals, until: deadline)
            _exit(ExitStatusCode.interrupted.rawValue)
        }
    }

    /// Waits for a signal; false at the deadline.
    private static func wait(
        _ signals: borrowing SignalSource, until deadline: UInt64?
    ) throws(SystemError) -> Bool {
        while try signals.next() == nil {
            if try Transfer.wait(signals.descriptor, for: .read, until: deadline).isEmpty { return false }
        }
        return true
    }
}
