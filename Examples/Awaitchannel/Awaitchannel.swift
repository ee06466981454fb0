// SPDX-License-Identifier: Apache-2.0

import Channels

/// The examples of awaitchannel, each by its name; nothing here is `async` but what they start.
@main
struct Awaitchannel {
    static func main() throws {
        switch CommandLine.arguments.dropFirst().first {
        case "future": try Future.run()
        case "sieve": try Sieve.run()
        case "simple": try Simple.run()
        case "misc": try Misc.run()
        case "blocking":
            // How long the unit of the sleeps is, so that a test need not wait for seconds.
            let unit = CommandLine.arguments.dropFirst(2).first.flatMap { Int($0) } ?? 1000
            try Blocking.run(unit: .milliseconds(unit))
        default: print("usage: awaitchannel future|sieve|simple|misc|blocking [MILLISECONDS]")
        }
    }
}
