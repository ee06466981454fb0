// SPDX-License-Identifier: Apache-2.0

import ChanSystem
import ChanTestSupport
import Foundation
import Testing
import chanctl

/// `stat`, `metrics`, `check`, and `list --watch`: numbers for people and for monitoring systems.
@Suite struct StatTests {
    static let statKeys: Set = [
        "version", "time", "channel", "delta", "channels", "queued", "queued_bytes", "unsettled",
        "waiting_senders", "waiting_receivers", "accepted", "delivered", "settled", "mean_seconds",
        "p50_seconds", "p90_seconds", "p99_seconds", "p999_seconds",
    ]

    private static func objects(_ outcome: Outcome) throws -> [[String: Any]] {
        try outcome.lines.map { try Outcome.object(Array($0.utf8), #_sourceLocation) }
    }

    @Test func countersAndPercentiles() throws {
        try DaemonUnderTest.run { (daemon) throws in
            try daemon.ctl("create", "q", "--capacity", "9")
            let before = try daemon.ctl("stat", "q", "--json").json()
            #expect(Set(before.keys) == Self.statKeys)
            #expect(before["p50_seconds"] as? Double == nil && before["mean_seconds"] as? Double == nil)
            try daemon.ctl("send", "q", "a", "bb", "ccc")
            #expect(try daemon.ctl("recv", "q", "-n", "2").code == 0)
            try daemon.ctl("create", "other")
            let one = try daemon.ctl("stat", "q", "--json").json()
            for (key, value) in [
                ("accepted", 3), ("delivered", 2), ("settled", 2), ("queued", 1), ("queued_bytes", 3),
                ("channels", 1),
            ] {
                #expect(one[key] as? Int == value, "\(key)")
            }
            // They lay there while one chanctl ended and another started.
            #expect(try #require(one["p50_seconds"] as? Double) > 0.0001)
            #expect(try daemon.ctl("stat", "--json").json()["channels"] as? Int == 2)
            let text = try daemon.ctl("stat", "q").lines
            #expect(text.contains("in         3") && text.contains("queued     1, 3B"))
            #expect(text.last?.contains("p99 <") == true && text.last?.contains("p99.9 <") == true)
            #expect(try daemon.ctl("stat", "none").code == 4)
        }
    }

    @Test func intervalsShowWhatCameSinceTheLast() throws {
        try DaemonUnderTest.run { (daemon) throws in
            try daemon.ctl("create", "q", "--capacity", "9")
            try daemon.ctl("send", "q", "a", "b")
            let rows = try Self.objects(
                daemon.ctl("stat", "q", "--interval", "10ms", "-n", "2", "--delta", "--json"))
            #expect(
                rows.map { $0["accepted"] as? Int } == [0, 0] && rows.map { $0["queued"] as? Int } == [2, 2])
            let all = try Self.objects(daemon.ctl("stat", "q", "--interval", "10ms", "-n", "3", "--json"))
            #expect(all.map { $0["accepted"] as? Int } == [2, 2, 2])
            let lines = try daemon.ctl("stat", "--interval", "10ms", "-n", "2").lines
            #expect(lines.count == 3 && lines[0].contains("P99.9"))
            #expect(lines.allSatisfy { $0.count == lines[0].count })
            #expect(try daemon.ctl("stat", "--delta").code == 2)
            #expect(try daemon.ctl("stat", "-n", "2").code == 2)
            #expect(try daemon.ctl("stat", "--interval", "1ms").code == 2)
        }
    }

    @Test func watchedListsHaveRates() throws {
        try DaemonUnderTest.run { (daemon) throws in
            try daemon.ctl("create", "q", "--capacity", "9")
            let frames = try Self.objects(
                daemon.ctl("list", "--watch", "-n", "2", "--interval", "10ms", "--json"))
            let channels = frames.compactMap { ($0["channels"] as? [[String: Any]])?.first }
            #expect(channels.count == 2)
            let keys = ListShowTests.channelKeys.union(["accepted_per_second", "delivered_per_second"])
            for channel in channels { #expect(Set(channel.keys) == keys) }
            #expect(channels[0]["accepted_per_second"] as? Double == nil)
            #expect(channels[1]["accepted_per_second"] as? Double == 0)
            let text = try daemon.ctl("list", "--watch", "-n", "2", "--interval", "10ms").text
            #expect(text.contains("IN/S") && text.contains("\n\nNAME"))
            #expect(try daemon.ctl("list", "-n", "2").code == 2)
        }
    }

    // MARK: metrics

    /// What breaks the grammar of OpenMetrics text, or its rules about families.
    private static func fault(in lines: [String]) -> String? {
        guard lines.last == "# EOF" else { return "there is no end" }
        var types: [String: String] = [:]
        var samples: Set<String> = []
        for line in lines.dropLast() {
            let words = line.split(separator: " ", omittingEmptySubsequences: false).map(String.init)
            if words[0] == "#" {
                guard words.count >= 4 || words[1] == "TYPE" && words.count == 4 else { return line }
                if words[1] == "TYPE", types.updateValue(words[3], forKey: words[2]) != nil { return line }
                if words[1] == "UNIT", !words[2].hasSuffix("_\(words[3])") { return line }
                continue
            }
            let pattern = #/([a-z_]+)(\{[a-z]+="(?:[^"\\\n]|\\["\\n])*"\})? (-?[0-9.e+-]+)/#
            guard let match = line.wholeMatch(of: pattern), Double(match.3) != nil else { return line }
            guard samples.insert("\(match.1)\(match.2 ?? "")").inserted else { return "twice: \(line)" }
            let name = String(match.1)
            let suffixes = [
                "": "gauge", "_total": "counter", "_bucket": "histogram", "_sum": "histogram",
                "_count": "histogram",
            ]
            let isKnown = suffixes.contains { suffix, type in
                name.hasSuffix(suffix) && types[String(name.dropLast(suffix.count))] == type
            }
            guard isKnown else { return "of no family: \(line)" }
        }
        return nil
    }

    @Test func metricsAreOpenMetricsText() throws {
        try DaemonUnderTest.run { (daemon) throws in
            #expect(Self.fault(in: try daemon.ctl("metrics").lines) == nil)
            for name in ["a", "b/c"] { try daemon.ctl("create", name, "--capacity", "9") }
            try daemon.ctl("send", "a", "x", "y")
            try daemon.ctl("recv", "a")
            let lines = try daemon.ctl("metrics").lines
            #expect(Self.fault(in: lines) == nil)
            let channel = "/uid/\(ThisProcess.uid)/a"
            for line in [
                "chand_channels 2", "chand_accepted_messages_total 2",
                "chand_channel_queued_messages{channel=\"\(channel)\"} 1",
                "chand_channel_delivered_messages_total{channel=\"\(channel)\"} 1",
                "chand_delivery_seconds_bucket{le=\"+Inf\"} 1", "chand_delivery_seconds_count 1",
            ] {
                #expect(lines.contains(line), "\(line)")
            }
            let buckets = lines.filter { $0.hasPrefix("chand_delivery_seconds_bucket") }
                .compactMap { $0.split(separator: " ").last.flatMap { Int($0) } }
            #expect(buckets == buckets.sorted() && buckets.count == 19)
            #expect(try !daemon.ctl("metrics", "b/*").text.contains("\(channel)\""))
            #expect(try daemon.ctl("metrics", "[").code == 2)
            #expect(MetricsText.escaped("a\\b\"c\nd") == #"a\\b\"c\nd"#)
            #expect(Array(MetricsText.escaped("\"\u{301}").utf8) == Array("\\\"\u{301}".utf8))
            #expect(MetricsText.escaped("a\r\nb") == "a\r\\nb")
            #expect(Self.fault(in: ["a 1", "# EOF"]) != nil && Self.fault(in: []) != nil)
        }
    }

    // MARK: check

    @Test func checksExitAsMonitoringSystemsWant() throws {
        try DaemonUnderTest.run { (daemon) throws in
            try daemon.ctl("create", "q", "--capacity", "4")
            try daemon.ctl("create", "r")
            try daemon.ctl("send", "q", "a", "b", "c")
            let cases: [([String], Int32, String)] = [
                ([], 0, "ok: 2 channels checked\n"),
                (["q", "--warning", "queued>3"], 0, "ok: 1 channel checked\n"),
                (["q", "--warning", "queued>2"], 1, "warning: q: queued is 3 (queued>2)\n"),
                (["q", "--warning", "bytes>0"], 1, "warning: q: bytes is 3 (bytes>0)\n"),
                (["q", "--critical", "full>50%"], 2, "critical: q: full is 75 (full>50%)\n"),
                (["q", "--critical", "receivers<1"], 2, "critical: q: receivers is 0 (receivers<1)\n"),
                (["--warning", "blocked>5s", "--critical", "bytes>1MiB"], 0, "ok: 2 channels checked\n"),
                (["none"], 3, "unknown: no channel matches none\n"),
            ]
            for (arguments, code, text) in cases {
                let outcome = try daemon.start(["check"] + arguments).finish()
                #expect(outcome.code == code && outcome.text == text, "\(arguments): \(outcome.text)")
            }
            for wrong in ["queued", "qeued>1", "queued>x", "blocked>x", "full>x", "bytes>x", "queued>-1"] {
                let outcome = try daemon.ctl("check", "--warning", wrong)
                #expect(outcome.code == 3 && !outcome.complaint.isEmpty, "\(wrong)")
            }
            for size in ["bytes>0", "bytes>0B", "bytes<0"] { #expect(try CheckRule.read(size).limit == 0) }
            // Whatever fails is not a warning; and what is said of it is what it ends with.
            let full = try daemon.shell("chanctl check q --warning 'queued>100' >/dev/full")
            #expect(full.code == 3 && full.complaint.contains("No space left"), "\(full.complaint)")
            let usage = try daemon.ctl("check", "--warning", "x", "--json")
            let error = try usage.error()
            #expect(usage.code == 3 && error["exit"] as? Int == 3)
            #expect(try daemon.ctl("check", "--json", "--format", "text").code == 3)
            #expect(try daemon.ctl("check", "--format", "xml").code == 3)
        }
        let outcome = try ErrorTests.run(["check"], socket: "/nonexistent/chand.sock")
        #expect(outcome.code == 3 && outcome.text.hasPrefix("unknown: "))
        #expect(outcome.text.contains("/nonexistent/chand.sock"))
    }

    @Test func checkWritesEveryFormat() throws {
        try DaemonUnderTest.run { (daemon) throws in
            try daemon.ctl("create", "q", "--capacity", "4")
            try daemon.ctl("send", "q", "a", "b", "c")
            let rules = ["--warning", "queued>1", "--critical", "queued>2", "--warning", "receivers<1"]
            let nagios = try daemon.start(["check"] + rules + ["--format", "nagios"]).finish()
            #expect(nagios.code == 2)
            #expect(
                nagios.lines == [
                    "CHAND CRITICAL - q: queued is 3 (queued>2), q: queued is 3 (queued>1), q: receivers is 0 "
                        + "(receivers<1) | 'q queued'=3;1;2 'q receivers'=0;1:;"
                ])
            let prometheus = try daemon.start(["check"] + rules + ["--format", "prometheus"]).finish()
            #expect(prometheus.code == 2 && prometheus.lines.contains("chand_check_status 2"))
            #expect(
                prometheus.lines.contains(
                    #"chand_check_broken{channel="q",rule="queued>2",severity="critical"} 1"#))
            for form in [["--json"], ["--format", "json"]] {
                let outcome = try daemon.start(["check"] + rules + form).finish()
                let object = try outcome.json()
                #expect(outcome.code == 2)
                #expect(
                    Set(object.keys) == ["version", "status", "exit", "channels", "message", "problems"])
                #expect(object["status"] as? String == "critical" && object["exit"] as? Int == 2)
                let problems = try #require(object["problems"] as? [[String: Any]])
                #expect(problems.count == 3)
                #expect(Set(problems[0].keys) == ["severity", "channel", "key", "value", "rule"])
            }
        }
    }

    @Test func checkSeesWhatIsBlocked() throws {
        try DaemonUnderTest.run { (daemon) throws in
            let receiving = try daemon.start(["recv", "q"])
            try daemon.wait("q", "waiting_receivers", 1)
            try eventually("it has waited for 20 ms") {
                try daemon.ctl("check", "q", "--critical", "blocked>20ms").code == 2
            }
            try daemon.ctl("send", "q", "x")
            _ = try receiving.finish()
        }
    }
}
