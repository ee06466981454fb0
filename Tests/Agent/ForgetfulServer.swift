// SPDX-License-Identifier: Apache-2.0

import Channels

/// A server that receives one request and never answers: it says on `held` that it has it, and waits to be killed.
enum ForgetfulServer {
    static func run(socket: String) async throws {
        let client = try await ChandClient.connect(to: socket)
        let requests = try await client.channel("requests", of: Request<Int, Int>.self)
        let request = try await requests.receive()
        // Written behind the settlement: the request will not come back.
        try await client.channel("held", of: Int.self).send(request.question)
        try await client.channel("idle", capacity: 0, of: Int.self, role: .receive).wait(until: .closed)
        withExtendedLifetime(request) {}
    }
}
