// SPDX-License-Identifier: Apache-2.0

import ChandConfig
import Testing

/// Every way a file can be wrong is refused with file, line and key, and says what would be right.
struct ConfigurationErrorTests {
    /// The parser asserts that a key is there: a mistyped file must not end the daemon that reads it anew.
    @Test func whereAKeyIsExpected() {
        _ = problem("[{space]]\nname = 1\n", .syntax, line: 1, key: nil)
        _ = problem("[limits]\nsessions = 5\n\n[{", .syntax, line: 4, key: nil)
    }

    @Test func syntax() {
        let text = problem("[limits]\nsessions = = 5\n", .syntax, line: 2, key: nil)
        #expect(text.hasPrefix("chand.toml:2: "))
    }

    /// Each part is a table in another one, and the stack ends at some depth.
    @Test func keyOfVeryManyParts() {
        let key = "a" + String(repeating: ".a", count: 400_000)
        _ = problem("# \(key)\n\(key) = 1\n", .syntax, line: 2, key: nil)
    }

    @Test func keyTwice() {
        _ = problem("[limits]\nsessions = 5\nsessions = 6\n", .syntax, line: 3, key: nil)
    }

    @Test func notText() {
        #expect(problems("[daemon]\nsocket = \"\u{0}\"\n").first?.code == .syntax)
    }

    @Test func unknownKeyNamesTheNearest() {
        let text = problem("\n[limits]\n\nsesions = 5\n", .unknownKey, line: 4, key: "limits.sesions")
        #expect(text == "chand.toml:4: limits.sesions: no key of [limits]: did you mean sessions?")
    }

    @Test func unknownKeyOfAnotherSection() {
        let text = problem("[daemon]\nsessions = 5\n", .unknownKey, line: 2, key: "daemon.sessions")
        #expect(text.contains("belongs below [limits]"))
    }

    @Test func mistypedKeyOfAnotherSection() {
        let text = problem("[daemon]\nmesage_bytes = 5\n", .unknownKey, line: 2, key: "daemon.mesage_bytes")
        #expect(text.contains("did you mean limits.message_bytes?"))
    }

    @Test func unknownKeyWithNothingNear() {
        let text = problem("[loop]\nfrobnicate = 5\n", .unknownKey, line: 2, key: "loop.frobnicate")
        #expect(text.contains("there are spin, turn_frames, turn_bytes"))
    }

    @Test func unknownSection() {
        let text = problem("[limit]\nsessions = 5\n", .unknownKey, line: 1, key: "limit")
        #expect(text.contains("did you mean limits?"))
    }

    @Test func keyOutsideItsSection() {
        let text = problem("sessions = 5\n", .unknownKey, line: 1, key: "sessions")
        #expect(text.contains("[limits]"))
    }

    @Test func valueInPlaceOfSection() {
        _ = problem("limits = 5\n", .wrongType, line: 1, key: "limits")
    }

    @Test(arguments: [
        ("limits.sessions", "\"5\""), ("limits.sessions", "5.0"), ("limits.sessions", "true"),
        ("limits.sessions", "[5]"), ("limits.sessions", "{ a = 5 }"), ("limits.sessions", "2025-01-01"),
        ("limits.message_bytes", "true"), ("limits.message_bytes", "1.5"),
        ("limits.handshake_timeout", "true"),
        ("daemon.socket", "5"), ("daemon.socket_mode", "660"), ("daemon.log_level", "7"),
        ("daemon.admin_group", "true"),
    ])
    func wrongType(name: String, value: String) {
        let parts = name.split(separator: ".")
        let text = problem("[\(parts[0])]\n\(parts[1]) = \(value)\n", .wrongType, line: 2, key: name)
        #expect(text.contains("expected a"))
        #expect(text.contains("such as"))
    }

    @Test(arguments: [
        ("limits.message_bytes", "\"lots\"", "64KiB"), ("limits.message_bytes", "\"1MB\"", "1MiB"),
        ("limits.message_bytes", "\"-1KiB\"", "64KiB"), ("limits.message_bytes", "\"9999999TiB\"", "64KiB"),
        ("limits.handshake_timeout", "\"soon\"", "50ms"), ("limits.handshake_timeout", "-5", "50ms"),
        ("limits.handshake_timeout", "nan", "50ms"), ("limits.handshake_timeout", "\"5 minutes\"", "50ms"),
        ("daemon.socket", "\"relative.sock\"", "absolute"), ("daemon.socket", "\"/run/\"", "absolute"),
        ("daemon.socket", "\"/\(String(repeating: "x", count: 107))\"", "107"),
        ("daemon.socket_mode", "\"0477\"", "octal"), ("daemon.socket_mode", "\"1777\"", "octal"),
        ("daemon.socket_mode", "\"0999\"", "octal"), ("daemon.socket_mode", "\"u+rw\"", "octal"),
        ("daemon.log_level", "\"verbose\"", "\"debug\""),
    ])
    func impossibleValue(name: String, value: String, hint: String) {
        let parts = name.split(separator: ".")
        let text = problem("[\(parts[0])]\n\(parts[1]) = \(value)\n", .impossibleValue, line: 2, key: name)
        #expect(text.contains(hint), "\(text)")
    }

    @Test func unknownGroupOfAdministrators() {
        let text = problem(
            "[daemon]\nadmin_group = \"no-such-group\"\n", .unknownName, line: 2, key: "daemon.admin_group")
        #expect(text.contains("no group \"no-such-group\""))
    }

    @Test func everythingWrongIsSaidAtOnce() {
        let found = problems("[limits]\nsesions = 1\nsessions = 0\n[loop]\nspin = \"1s\"\n")
        #expect(found.map(\.key) == ["limits.sesions", "limits.sessions", "loop.spin"])
        #expect(ConfigurationError(found).description.split(separator: "\n").count == 3)
    }

    @Test(arguments: [
        ("message_bytes = \"16MiB\"", "limits.message_bytes", "output_hard_limit must be at least"),
        ("output_hard_limit = \"1MiB\"", "limits.output_hard_limit", "output_hard_limit must be at least"),
        ("output_low_watermark = \"1MiB\"", "limits.output_low_watermark", "must be below"),
        ("bytes_per_user = \"64KiB\"", "limits.bytes_per_user", "must be at least message_bytes"),
    ])
    func contradiction(line: String, key: String, hint: String) {
        let text = problem("[limits]\n\(line)\n", .impossibleValue, line: 2, key: key)
        #expect(text.contains(hint), "\(text)")
    }

    @Test func contradictionIsReportedAtTheKeyThatWasSet() {
        let text = problem(
            "[limits]\noutput_low_watermark = \"8KiB\"\noutput_high_watermark = \"8KiB\"\n", .impossibleValue,
            line: 2, key: "limits.output_low_watermark")
        #expect(text.contains("output_high_watermark = \"8KiB\""))
    }
}
