// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import ChanSystem
import Channels

/// What every verb that talks to a daemon accepts.
struct CommonOptions: ParsableArguments, Sendable {
    @Option(
        help: ArgumentHelp(
            "Talk to the daemon at this socket, whatever the environment says.", valueName: "PATH"))
    var socket: String?

    @Flag(help: "Write results, and errors on standard error, as JSON with a version.")
    var json = false

    /// Connects, runs a body, and ends the session in order, so that everything received is settled.
    ///
    /// What it throws is a ``Failure``.
    func withClient<Result>(_ body: (ChandClient) async throws -> Result) async throws -> Result {
        let client: ChandClient
        do {
            client = try await ChandClient.connect(to: socket, name: "chanctl", reconnect: .never)
        } catch {
            throw Failure(connecting: error)
        }
        do {
            let result = try await body(client)
            await client.close()
            return result
        } catch {
            let failure = await Failure.of(error, client)
            await client.close()
            throw failure
        }
    }
}

/// What talks to a daemon, and ends in order when it is interrupted.
protocol DaemonCommand: ParsableCommand, Sendable {
    var common: CommonOptions { get }
    /// What interrupts it.
    static var interruptions: [Signal] { get }

    /// Does all of it; what it throws becomes the message and the exit code.
    func perform() async throws
}

/// A verb with one session.
protocol Verb: DaemonCommand {
    /// Does what the verb is for.
    func perform(_ client: ChandClient) async throws
}

extension Verb {
    func perform() async throws { try await common.withClient(perform) }
}

extension DaemonCommand {
    static var interruptions: [Signal] { [.interrupt] }
}
