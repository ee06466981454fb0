// SPDX-License-Identifier: Apache-2.0

import ChanTestSupport
import Channels
import Testing

/// Selects with near and far cases while the daemon is away.
@Suite(.timeLimit(.minutes(15))) struct MixedSelectOutageTests {
    @Test("10 near cases and the time do not wait for the daemon", arguments: [false, true])
    func nearCasesAndTheTimeGoOn(ordered: Bool) async throws {
        let (daemon, client, far) = try await ScriptedDaemon.opened(
            reconnect: .automatic(waiting: Patience.duration), options: ChannelOptions(rejoin: true))
        daemon.hangUp()
        for await state in client.states {
            if case .disconnected = state { break }
        }
        let near = Chan<Int>(size: 1)
        for number in 0..<8 {
            try await near.send(number)
            let winner = try await select([receive(from: far), receive(from: near)], ordered: ordered)
            #expect(winner.index == 1)
            #expect(winner.element() == number)
        }
        #expect(
            try await trySelect([receive(from: far), receive(from: near)], ordered: ordered)?.index == nil)
        let late = try await select(
            [receive(from: far), receive(from: near)], timeout: .milliseconds(5), ordered: ordered)
        #expect(late?.index == nil)
        // The same for one that waits already.
        let waiting = Task {
            try await select([receive(from: far), receive(from: near)], ordered: ordered).index
        }
        try await near.send(8)
        #expect(try await waiting.value == 1)
    }
}
