// SPDX-License-Identifier: Apache-2.0

import ChanTestSupport
import Testing

/// The daemon speaks as docs/protocol-transcripts.txt says, byte for byte where the document fixes them.
@Suite(.blocking) struct TranscriptReplayTests {
    static let transcripts = Transcript.read("docs/protocol-transcripts.txt").flatMap {
        try? Transcript.parse($0)
    }

    @Test func thereAreTranscripts() throws {
        #expect(try #require(Self.transcripts).count >= 20)
    }

    @Test(arguments: transcripts?.map(\.name) ?? [])
    func daemonFollows(_ name: String) throws {
        let transcript = try #require(Self.transcripts?.first { $0.name == name })
        try DaemonUnderTest.run { daemon in
            var player = try TranscriptPlayer(daemon.socketPath)
            try player.play(transcript)
        }
    }
}
