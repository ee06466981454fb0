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
    func withClient(_ body: (ChandClient) async throws -> Void) async throws {
        let client: ChandClient
        do {
            client = try await ChandClient.connect(to: socket, name: "chanctl", reconnect: .never)
        } catch {
            throw Failure(connecting: error)
        }
        do {
            try await body(client)
            await client.close()
        } catch {
            let failure = await Failure.of(error, client)
            await client.close()
            throw failure
        }
    }
}

/// A verb that talks to a daemon.
protocol Verb: ParsableCommand, Sendable {
    var common: CommonOptions { get }

    /// Does what the verb is for; what it throws becomes the message and the exit code.
    func perform(_ client: ChandClient) async throws
}

extension Verb {
    /// Connects, performs, and ends the session.
    func perform() async throws { try await common.withClient(perform) }
}
