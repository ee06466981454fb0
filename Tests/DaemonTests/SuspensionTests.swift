// SPDX-License-Identifier: Apache-2.0

import ChanSystem
import ChanTestSupport
import ChanWire
import Testing

/// A daemon that stood still for longer than its sessions had time (P18).
@Suite(.blocking) struct SuspensionTests {
    /// Who did in time what he had to do is not ended for it; who did not is, soon.
    @Test func nobodyWhoWasInTimeEnds() throws {
        let settings = [
            "limits.handshake_timeout": "4s", "limits.write_deadline": "4s",
            "limits.output_high_watermark": "64KiB", "limits.output_low_watermark": "4KiB",
        ]
        try DaemonUnderTest.run(settings) { daemon in
            let slow = try WireClient(daemon.socketPath)
            let pings = (1...60).flatMap {
                SimpleFrame.ping(request: $0, payload: [UInt8](repeating: 5, count: 32 << 10))
            }
            let observer = try WireClient(daemon.socketPath)
            var written = 0
            // Until it is not read from any more.
            while case let some = slow.writeWithoutWaiting(Array(pings[written...])), some > 0 {
                written += some
                try observer.ping()
            }
            #expect(written < pings.count)
            // More than one turn's events; last, since their time is running.
            let knocking = try (0..<150).map { _ in try WireClient(daemon.socketPath, greets: false) }
            let silent = try WireClient(daemon.socketPath, greets: false)
            try daemon.process.stop()
            for client in knocking { try client.write(Hello(clientName: "in time").encoded()) }
            var got = 0
            let over = MonotonicClock.deadline(milliseconds: 5000)
            // All that the socket has; the rest is the daemon's to write.
            while let frame = try? slow.next(milliseconds: 100) { got += Int(frame.header.length) + 16 }
            #expect(try Transfer.wait(silent.raw, for: .read, until: over).isEmpty)
            try daemon.process.kill(.resume)
            for client in knocking { try client.readWelcome() }
            while got < written - written % ((32 << 10) + 16) {
                got += Int(try slow.frame().header.length) + 16
            }
            #expect(try silent.goodbye().code == .handshakeTimeout)
        }
    }
}
