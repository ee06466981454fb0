// SPDX-License-Identifier: Apache-2.0

import Channels

/// Three ways to consume, and at the same time a loop of selects over operations that are under way.
enum Misc {
    static func run() throws {
        let channel = Chan<Int>()
        go {
            for number in 1...20 { try await channel.send(number) }
            try await channel.close()
        }
        var tasks = [
            go {
                for try await number in channel { print("iterated \(number)") }
                print("the iteration is done")
            }
        ]
        for name in ["first", "second"] {
            tasks.append(
                go {
                    do {
                        while true { print("\(name) received \(try await channel.receive())") }
                    } catch is ChannelClosed {
                        print("\(name) is done")
                    }
                })
        }
        tasks.append(go { try await selects() })
        for task in tasks { try task.result() }
    }

    private static func selects() async throws {
        let rendezvous = Chan<Int>()
        let sized = Chan<Int>(size: 1)
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
