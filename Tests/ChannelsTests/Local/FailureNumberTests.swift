// SPDX-License-Identifier: Apache-2.0

import ChanCore
import ChanWire
import Channels
import Testing

/// The core's kinds of failure go onto the wire by their numbers.
@Suite struct FailureNumberTests {
    @Test(arguments: FailureKind.allCases)
    func kindsHaveTheWiresNumbers(kind: FailureKind) throws {
        let code = try #require(FailureCode(rawValue: UInt16(kind.rawValue)))
        #expect("\(code)" == "\(kind)")
    }

    @Test func theBrokersReasonsHaveTheWiresNumbers() {
        #expect(ChanCore.CloseReason.lastSenderGone.code == Channels.CloseReason.lastSenderGone)
        #expect(ChanCore.CloseReason.removed.code == Channels.CloseReason.removed)
    }
}
