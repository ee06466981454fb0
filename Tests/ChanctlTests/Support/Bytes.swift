// SPDX-License-Identifier: Apache-2.0

/// Numbers that look random and are the same in every run.
struct SeededNumbers: RandomNumberGenerator {
    private var state: UInt64

    init(_ seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var value = state
        value = (value ^ (value >> 30)) &* 0xbf58_476d_1ce4_e5b9
        value = (value ^ (value >> 27)) &* 0x94d0_49bb_1331_11eb
        return value ^ (value >> 31)
    }

    mutating func bytes(_ count: Int) -> [UInt8] {
        (0..<count).map { _ in UInt8.random(in: 0...255, using: &self) }
    }
}

/// Messages with every byte in them, and the awkward sizes.
func awkwardMessages(seed: UInt64 = 1) -> [[UInt8]] {
    var random = SeededNumbers(seed)
    return [
        [], Array(0...255), [10], [0], [13, 10], Array("ünï".utf8), random.bytes(70_000), random.bytes(3),
    ]
}

/// A stream of messages as `--length-prefixed` reads it.
func lengthPrefixed(_ messages: [[UInt8]]) -> [UInt8] {
    messages.flatMap { message in
        (0..<4).map { UInt8(truncatingIfNeeded: message.count >> (8 * $0)) } + message
    }
}

/// The lines of `--format hex`.
func hexLines(_ messages: [[UInt8]]) -> [UInt8] {
    let digits = Array("0123456789abcdef".utf8)
    return messages.flatMap { message in
        message.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] } + [10]
    }
}
