// SPDX-License-Identifier: Apache-2.0

import ChanCore

/// Random sequences against the model, and what is left of one that fails.
public struct ModelRun: Sendable {
    /// A sequence that showed a difference, made as short as deleting can make it.
    public struct Finding: CustomStringConvertible, Sendable {
        /// What a run of the same seed shows again.
        public var seed: UInt64
        /// Which kind of run it was.
        public var profile: OperationGenerator.Profile
        /// How many inputs the sequence had.
        public var length: Int
        /// The inputs that are left.
        public var inputs: [BrokerInput]
        /// What differs after the last of them.
        public var difference: String

        /// The seed, the inputs with their effects, and the difference.
        public var description: String {
            let steps = ModelRun.trace(seed: seed, profile, inputs)
            return "seed \(seed), profile \(profile), \(length) inputs, \(inputs.count) left:\n"
                + steps.map { "    \($0)\n" }.joined() + "    -> \(difference)"
        }
    }

    /// What a seed runs.
    public static func profile(of seed: UInt64) -> OperationGenerator.Profile {
        OperationGenerator.Profile(rawValue: seed % UInt64(OperationGenerator.Profile.allCases.count))
            ?? .traffic
    }

    /// Applies `length` random inputs to broker and model; returns the shrunk sequence where they differ.
    public static func run(seed: UInt64, length: Int) -> Finding? {
        let profile = profile(of: seed)
        var driver = driver(seed, profile)
        var generator = OperationGenerator(seed: seed, profile: profile)
        var inputs: [BrokerInput] = []
        for _ in 0..<length {
            let input = generator.next(driver)
            inputs.append(input)
            do {
                try driver.apply(input)
            } catch {
                let shrunk = shrink(inputs) { difference(seed, profile, $0) != nil }
                return Finding(
                    seed: seed, profile: profile, length: inputs.count, inputs: shrunk,
                    difference: difference(seed, profile, shrunk) ?? error.description)
            }
        }
        return nil
    }

    private static func driver(_ seed: UInt64, _ profile: OperationGenerator.Profile) -> ModelDriver {
        ModelDriver(
            seed: seed, limits: OperationGenerator.limits(profile), spaces: OperationGenerator.spaces)
    }

    private static func difference(
        _ seed: UInt64, _ profile: OperationGenerator.Profile, _ inputs: [BrokerInput]
    ) -> String? {
        var driver = driver(seed, profile)
        do {
            for input in inputs { try driver.apply(input) }
            return nil
        } catch {
            return error.description
        }
    }

    /// Every input that made sense, and what it caused.
    private static func trace(
        seed: UInt64, _ profile: OperationGenerator.Profile, _ inputs: [BrokerInput]
    ) -> [String] {
        var driver = driver(seed, profile)
        var lines: [String] = []
        for input in inputs {
            do {
                if try driver.apply(input) {
                    let effects = driver.events.map { "\n        \($0)" }.joined()
                    lines.append("\(input)\(effects)")
                }
            } catch {
                lines.append("\(input)")
                break
            }
        }
        return lines
    }

    /// Deletes inputs as long as what is left still fails: halves first, then ever smaller parts.
    public static func shrink(
        _ inputs: [BrokerInput], while fails: ([BrokerInput]) -> Bool
    ) -> [BrokerInput] {
        var left = inputs
        var size = max(1, left.count / 2)
        while true {
            var shrunk = false
            var start = 0
            while start < left.count {
                let candidate = Array(left[..<start] + left[min(left.count, start + size)...])
                if fails(candidate) {
                    left = candidate
                    shrunk = true
                } else {
                    start += size
                }
            }
            if size == 1, !shrunk { return left }
            size = max(1, size / 2)
        }
    }
}
