// SPDX-License-Identifier: Apache-2.0

import Channels

/// Three ways to consume, and at the same time a loop of selects over operations that are under way.
enum Misc {
    static let receivers = ["first", "second"]

    static func run() throws {
        let channel = Chan<Int>()
        go { try await produce(into: channel) }
        var tasks = [go { try await iterate(channel) }]
        for name in receivers { tasks.append(go { try await receive(from: channel, as: name) }) }
        tasks.append(go { try await selects(Chan(), Chan(size: 1)) })
        for task in tasks { try task.result() }
    }

    static func produce(into channel: Chan<Int>) async throws {
        for number in 1...20 { try await channel.send(number) }
        try await channel.close()
    }

    static func iterate(_ channel: Chan<Int>) async throws {
        for try await number in channel { print("iterated \(number)") }
        print("the iteration is done")
    }

    static func receive(from channel: Chan<Int>, as name: String) async throws {
        do {
            while true { print("\(name) received \(try await channel.receive())") }
        } catch is ChannelClosed {
            print("\(name) is done")
        }
    }

    static func selects(_ rendezvous: Chan<Int>, _ sized: Chan<Int>) async throws {
        let pending = SelectSet<String>()
        pending.receive("receive", from: rendezvous)
        pending.receive("receive", from: rendezvous)
        pending.send("send", 3, to: rendezvous)
        pending.send("sized", 1, to: sized)
        while let ended = try await pending.select() {
            switch (ended.id, ended.outcome) {
            case ("receive", _):
                guard let number: Int = ended.element() else { continue }
                print("select received \(number)")
                if number == 3 { pending.send("send", 5, to: rendezvous) }
            case ("send", .sent): print("select has sent")
            case ("sized", .sent):
                print("D \(try await sized.receive())")
                try await sized.send(5)
            default: print("select: \(ended)")
            }
        }
        print("nothing is pending")
    }
}
