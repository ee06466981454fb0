// SPDX-License-Identifier: Apache-2.0

import ChanSystem
import ChanTestSupport
import ChanWire
import Testing

/// MONITOR and EVENTS: what happens is told, counted where it is not, and holds nobody up.
@Suite(.blocking) struct MonitorTests {
    @Test func eachKindIsToldOnce() throws {
        try DaemonUnderTest.run(["limits.select_cases": "1"]) { daemon in
            let watcher = try Watcher(daemon.socketPath)
            let worker = try WireClient(daemon.socketPath)
            let handle = try worker.open("c", capacity: 3)
            #expect(try worker.send(handle, "one", "two") == .sent)
            let delivered = try #require(try worker.receive(handle, upTo: 2).delivered)
            try worker.settle(delivered.range)
            let waits = try worker.startReceive(handle)
            try worker.cancel(waits)
            #expect(try worker.outcome(of: waits).failure == .cancelled)
            #expect(try worker.select(.send(handle, "three")) == .selected(0))
            #expect(try worker.select(.receive(handle), .never).failure == .quotaExceeded)
            try worker.close(handle)
            var gone: WireClient? = try WireClient(daemon.socketPath)
            let number = try #require(gone?.welcome).session
            gone = nil
            try watcher.read { $0.told.contains { $0.kind == .died } }
            try watcher.end()

            var counts: [EventRecord.Kind: UInt64] = [:]
            for event in watcher.told { counts[event.kind, default: 0] += event.count }
            #expect(
                counts == [
                    .open: 1, .send: 3, .receive: 2, .cancelled: 1, .select: 1, .quota: 1, .close: 1,
                    .died: 1,
                ])
            #expect(watcher.dropped == 0)
            let name = "/uid/\(try #require(worker.welcome).uid)/c"
            for event in watcher.told {
                #expect(event.pid == UInt32(ThisProcess.pid) && event.uid == worker.welcome?.uid)
                #expect(event.since > 0 && event.time >= event.since)
                #expect(event.session == (event.kind == .died ? number : worker.welcome?.session))
                #expect(event.channel == (event.kind == .died || event.kind == .quota ? "" : name))
            }
        }
    }

    /// What waited is told when it goes on, under whose it is; a channel that closes by itself is nobody's doing.
    @Test func whatWaitedIsToldOfWhoeverWaited() throws {
        try DaemonUnderTest.run { daemon in
            let watcher = try Watcher(daemon.socketPath, prefix: "c")
            let sender = try WireClient(daemon.socketPath)
            let receiver = try WireClient(daemon.socketPath)
            let out = try sender.open("c", .send, capacity: 0) { $0.closeWithLastSender = true }
            let into = try receiver.open("c", .receive)
            let sending = try sender.startSend(out, "a", "b")
            try receiver.wait(for: "c", "a sender") { $0.sendWaiters == 1 }
            #expect(try receiver.select(.receive(into)).delivered?.texts == ["a"])
            #expect(try receiver.receive(into).delivered?.texts == ["b"])
            #expect(try sender.outcome(of: sending) == .sent)
            let selecting = try receiver.startSelect(.receive(into))
            try receiver.ping()
            #expect(try sender.send(out, "c") == .sent)
            #expect(try receiver.outcome(of: selecting).delivered?.texts == ["c"])
            try sender.closeHandle(out)
            try watcher.end()
            func sum(_ kind: EventRecord.Kind, _ client: WireClient?) -> UInt64 {
                watcher.told.filter { $0.kind == kind && $0.session == client?.welcome?.session ?? 0 }
                    .reduce(0) { $0 + $1.count }
            }
            #expect(sum(.send, sender) == 3 && sum(.receive, receiver) == 3 && sum(.select, receiver) == 2)
            #expect(sum(.open, sender) == 1 && sum(.open, receiver) == 1 && sum(.close, nil) == 1)
            #expect(watcher.told.allSatisfy { $0.kind == .close || $0.session != 0 })
        }
    }

    @Test func onlyNamesThatBeginSo() throws {
        try DaemonUnderTest.run { daemon in
            let relative = try Watcher(daemon.socketPath, prefix: "ab")
            let absolute = try Watcher(daemon.socketPath, prefix: "/pub/")
            let worker = try WireClient(daemon.socketPath)
            let uid = try #require(worker.welcome).uid
            for name in ["abc", "a", "b/ab", "/pub/ab"] { _ = try worker.open(name, capacity: 1) }
            try worker.write(SimpleFrame.leave())
            try worker.goodbye()
            try relative.end()
            try absolute.end()
            #expect(relative.told.map(\.channel) == ["/uid/\(uid)/abc"])
            #expect(absolute.told.map(\.channel) == ["/pub/ab"])
        }
    }

    /// Who does not read is told how much he missed, to the last event; the others do not notice.
    @Test func whatIsNotReadIsCounted() throws {
        let settings = ["limits.output_high_watermark": "8KiB", "limits.output_low_watermark": "0"]
        try DaemonUnderTest.run(DaemonUnderTest.Options(settings, checksInvariants: false)) { daemon in
            let watcher = try Watcher(daemon.socketPath, prefix: "n")
            let worker = try WireClient(daemon.socketPath)
            let total = 12_000
            for start in stride(from: 0, to: total, by: 100) {
                var bytes: [UInt8] = []
                for number in start..<start + 100 {
                    var open = OpenRequest(name: "n-\(number)", role: .both)
                    open.capacity = 1
                    bytes += open.encoded(request: UInt64(2 * number + 1000))
                    bytes += SimpleFrame.handle(
                        .closeHandle, request: UInt64(2 * number + 1001), handle: 0)
                }
                try worker.write(bytes)
                #expect(try worker.framesSoFar().allSatisfy { $0.type == .opened || $0.type == .done })
            }
            try watcher.read { $0.told.count + Int($0.dropped) >= total }
            try watcher.end()
            #expect(watcher.told.count + Int(watcher.dropped) == total)
            #expect(watcher.dropped > 0 && watcher.told.allSatisfy { $0.kind == .open })
        }
    }

    @Test func aUserHasFour() throws {
        try DaemonUnderTest.run { daemon in
            let watchers = try (0..<4).map { _ in try Watcher(daemon.socketPath) }
            let client = try WireClient(daemon.socketPath)
            let request = client.request()
            try client.write(SimpleFrame.name(.monitor, request: request, name: ""))
            #expect(try client.outcome(of: request).failure == .quotaExceeded)
            try watchers[0].end()
            try watchers[1].client.write(SimpleFrame.name(.monitor, request: watchers[1].request, name: ""))
            try watchers[1].readToGoodbye(.requestInUse)
            let again = try Watcher(client)
            try again.end()
        }
    }
}

/// A session that monitors, and what it was told.
private final class Watcher {
    let client: WireClient
    let request: UInt64
    var told: [EventRecord] = []
    var dropped: UInt64 = 0

    convenience init(_ path: String, prefix: String = "") throws {
        try self.init(WireClient(path), prefix: prefix)
    }

    init(_ client: WireClient, prefix: String = "") throws {
        self.client = client
        request = client.request()
        try client.write(SimpleFrame.name(.monitor, request: request, name: prefix))
        try read(client.frame())
        #expect(told.isEmpty && dropped == 0)
    }

    private func read(_ frame: WireFrame) throws {
        let events = try frame.reading(as: .events) { header, body throws(WireFault) in
            #expect(header.request == request)
            return try Events(reading: body)
        }
        told += events.events
        dropped += events.dropped
    }

    /// Reads until something was told.
    func read(until isThere: (Watcher) -> Bool) throws {
        while !isThere(self) { try read(client.frame()) }
    }

    /// Ends it; what happened before is told then.
    func end() throws {
        try client.cancel(request)
        while true {
            let frame = try client.frame()
            guard frame.type == .failed else {
                try read(frame)
                continue
            }
            #expect(try frame.failed().code == .cancelled && frame.header.request == request)
            return
        }
    }

    /// Reads to the end of the session.
    func readToGoodbye(_ code: GoodbyeCode) throws {
        while true {
            let frame = try client.frame()
            if frame.type == .goodbye { return #expect(frame.header.field == code.rawValue) }
        }
    }
}
