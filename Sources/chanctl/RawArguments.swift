// SPDX-License-Identifier: Apache-2.0

/// Arguments as bytes: what is no UTF-8 in them survives as text, for the parser to pass through.
///
/// `CommandLine.arguments` would replace such bytes, and a message would arrive changed. Here each of them
/// becomes a scalar of a private plane, from which ``bytes(of:)`` makes it again. The bytes of a true scalar
/// of that range are treated in the same way, so that nothing is ambiguous.
package enum RawArguments {
    /// The scalar of byte 0.
    private static let base: UInt32 = 0x10_FF00
    private static let reserved = base...(base + 0xFF)

    /// The arguments of this process, without the program's name.
    static func ofThisProcess() -> [String] {
        (1..<max(Int(CommandLine.argc), 1)).compactMap { index in
            CommandLine.unsafeArgv[index].map { pointer in
                text(
                    of: UnsafeBufferPointer(start: pointer, count: length(pointer)).map(
                        UInt8.init(bitPattern:)))
            }
        }
    }

    private static func length(_ pointer: UnsafePointer<CChar>) -> Int {
        var length = 0
        while pointer[length] != 0 { length += 1 }
        return length
    }

    /// The text that stands for bytes.
    package static func text(of bytes: [UInt8]) -> String {
        let plain = String(validating: bytes, as: UTF8.self)
        if let plain, !plain.unicodeScalars.contains(where: { reserved.contains($0.value) }) { return plain }
        var text = String.UnicodeScalarView()
        var rest = bytes[...]
        while !rest.isEmpty {
            let (scalar, length) = firstScalar(of: rest)
            if let scalar, !reserved.contains(scalar.value) {
                text.append(scalar)
            } else {
                for byte in rest.prefix(length) {
                    if let stand = Unicode.Scalar(base + UInt32(byte)) { text.append(stand) }
                }
            }
            rest = rest.dropFirst(length)
        }
        return String(text)
    }

    /// The scalar that bytes begin with, and its length; no scalar where they begin with something else.
    private static func firstScalar(of bytes: ArraySlice<UInt8>) -> (Unicode.Scalar?, Int) {
        for length in 1...min(4, bytes.count) {
            guard let text = String(validating: bytes.prefix(length), as: UTF8.self) else { continue }
            return (text.unicodeScalars.first, length)
        }
        return (nil, 1)
    }

    /// The bytes that a text stands for.
    package static func bytes(of text: String) -> [UInt8] {
        guard text.unicodeScalars.contains(where: { reserved.contains($0.value) }) else {
            return Array(text.utf8)
        }
        var bytes: [UInt8] = []
        for scalar in text.unicodeScalars {
            if reserved.contains(scalar.value) {
                bytes.append(UInt8(scalar.value - base))
            } else {
                bytes.append(contentsOf: scalar.utf8)
            }
        }
        return bytes
    }
}
