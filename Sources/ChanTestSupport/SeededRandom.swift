// SPDX-License-Identifier: Apache-2.0

import ChanCore

/// Random choices that repeat themselves for the same seed.
public struct SeededRandom: RandomNumberGenerator, Sendable {
    private var source: RandomSource

    /// Makes a source whose every choice follows from `seed`.
    public init(seed: UInt64) {
        source = RandomSource(seed: seed)
    }

    /// The next 64 bits.
    public mutating func next() -> UInt64 { source.next() }

    /// A number from 0 to `bound - 1`.
    public mutating func below(_ bound: Int) -> Int {
        Int(source.below(UInt32(clamping: bound)))
    }

    /// True in `percent` of 100 calls.
    public mutating func chance(_ percent: Int) -> Bool { below(100) < percent }

    /// One of the elements; nil where there is none.
    public mutating func pick<C: RandomAccessCollection>(_ choices: C) -> C.Element? {
        guard !choices.isEmpty else { return nil }
        return choices[choices.index(choices.startIndex, offsetBy: below(choices.count))]
    }

    /// One of the elements, each as often as its weight says; nil where all weights are 0.
    public mutating func pick<Element>(weighted choices: [(weight: Int, element: Element)]) -> Element? {
        let sum = choices.reduce(0) { $0 + $1.weight }
        guard sum > 0 else { return nil }
        var left = below(sum)
        for choice in choices {
            if left < choice.weight { return choice.element }
            left -= choice.weight
        }
        return nil
    }
}
