// SPDX-License-Identifier: Apache-2.0

import ChanSystem

/// Runs a body with a directory of its own, which goes with all that is in it.
func withScratchDirectory<Result>(_ body: (String) throws -> Result) throws -> Result {
    let directory = try Files.makeTemporaryDirectory(prefix: "chan-system")
    defer { try? Files.removeTree(directory) }
    return try body(directory)
}

/// What a body failed with; `nil` if it did not.
func failure(of body: () throws(SystemError) -> Void) -> SystemError? {
    do {
        try body()
        return nil
    } catch {
        return error
    }
}

/// Numbers that look random and are the same in every run.
struct SeededRandom: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var value = state
        value = (value ^ (value >> 30)) &* 0xbf58_476d_1ce4_e5b9
        value = (value ^ (value >> 27)) &* 0x94d0_49bb_1331_11eb
        return value ^ (value >> 31)
    }
}

/// So many bytes that look random.
func randomBytes(_ count: Int, _ random: inout SeededRandom) -> [UInt8] {
    (0..<count).map { _ in UInt8.random(in: 0...255, using: &random) }
}

/// All that can be read from a non-blocking descriptor now.
func drain(_ fd: Int32) -> [UInt8] {
    var all: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 4096)
    while case .bytes(let count) = chunk.withUnsafeMutableBytes({ Transfer.read(fd, into: $0) }) {
        all.append(contentsOf: chunk[..<count])
    }
    return all
}

/// Sends bytes that are expected to fit into the socket.
func send(_ bytes: [UInt8], to fd: Int32) -> IOResult {
    bytes.withUnsafeBytes { Transfer.send(fd, $0) }
}
