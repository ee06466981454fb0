// SPDX-License-Identifier: Apache-2.0

import CSystemd
import Glibc

/// The journal, for entries with fields of their own.
public enum Journal {
    /// Writes an entry, and says whether that succeeded; where there is no journal nothing happens, and that
    /// counts as success.
    ///
    /// May block while the journal is busy: not for the loop's thread.
    /// - Parameters:
    ///   - priority: As syslog numbers it, 3 for an error to 7 for debugging.
    ///   - fields: Names of `A-Z 0-9 _`, first a letter, as in `CHAND_CHANNEL`; values of any bytes. The
    ///     journal drops a field whose name is none.
    @discardableResult
    public static func send(
        _ message: String, priority: Int, fields: [(name: String, value: String)] = []
    ) -> Bool {
        let entries =
            [("MESSAGE", message), ("PRIORITY", "\(priority)")] + fields.map { ($0.name, $0.value) }
        let texts = entries.map { Array("\($0.0)=\($0.1)".utf8) }
        // All in one buffer, so that one pointer is good for every field while the journal reads them.
        var bytes = texts.flatMap { $0 }
        return bytes.withUnsafeMutableBytes { bytes in
            guard let start = bytes.baseAddress else { return false }
            var vectors: [iovec] = []
            var offset = 0
            for text in texts {
                vectors.append(iovec(iov_base: start + offset, iov_len: text.count))
                offset += text.count
            }
            return sd_journal_sendv(vectors, Int32(vectors.count)) >= 0
        }
    }

    /// Whether what is written to this descriptor goes to the journal, so that its lines may carry a
    /// priority prefix.
    ///
    /// - Parameter stream: The variable `JOURNAL_STREAM`, which systemd sets to the device and inode of the
    ///   standard error it gave the service: whoever redirected it since writes elsewhere.
    public static func isConnected(_ descriptor: Int32, stream: String?) -> Bool {
        guard let parts = stream?.split(separator: ":"), parts.count == 2,
            let device = UInt64(parts[0]), let inode = UInt64(parts[1])
        else { return false }
        var facts = stat()
        guard fstat(descriptor, &facts) == 0 else { return false }
        return UInt64(facts.st_dev) == device && UInt64(facts.st_ino) == inode
    }
}
