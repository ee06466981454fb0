// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import Channels

/// Durations beyond all that the wire can say.
@Suite struct LongTimeTests {
    @Test func whatIsTooLongIsTheLongest() {
        #expect(WireTime.nanoseconds(.seconds(1e19)) == .max)
        #expect(WireTime.nanoseconds(.seconds(-1e19)) == 0)
        #expect(WireTime.nanoseconds(.nanoseconds(Int64.max)) == .max)
        #expect(WireTime.nanoseconds(.nanoseconds(Int64.max - 1)) == .max - 1)
        #expect(WireTime.positive(.seconds(1e19)) == UInt64(Int64.max))
    }
}
