// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import Channels

/// Selects inside the process, beyond what the conformance bodies check of every backend.
@Suite struct LocalSelectTests {
    /// On one actor with the select, which so goes on only after all that the test does to it.
    @MainActor @Test("22 24 what was received is returned, whatever ends the turn", arguments: [false, true])
    func whatWasReceivedIsReturned(isReleased: Bool) async throws {
        let channel = Chan<Int>()
        let selecting = Task { try await select(upTo: 3, [receive(from: channel)]) }
        try await wait(for: channel, "a receiver") { $0.waitingReceives == 1 }
        channel.near.offer(1)
        if isReleased { channel.near.closeHandle() } else { selecting.cancel() }
        let winners = try await selecting.value
        #expect(winners.compactMap { $0.element(as: Int.self) } == [1])
    }
}
