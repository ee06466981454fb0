// SPDX-License-Identifier: Apache-2.0

import Channels

/// The examples of awaitchannel, each by its name; nothing here is `async` but what they start.
///
/// With `processes` every task is a process of its own, and the channels are a daemon's.
@main
struct Awaitchannel {
    static func main() throws {
        var arguments = CommandLine.arguments.dropFirst()
        if arguments.first == "task" { return try Processes.runTask(Array(arguments.dropFirst())) }
        let areProcesses = arguments.first == "processes"
        if areProcesses { arguments.removeFirst() }
        guard let name = arguments.popFirst(), let example = Example(rawValue: name) else {
            return print("usage: awaitchannel [processes] future|sieve|simple|misc|blocking [MILLISECONDS]")
        }
        // How long the unit of the sleeps is, so that a test need not wait for seconds.
        let unit = arguments.first.flatMap { Int($0) }.map { Duration.milliseconds($0) }
        try areProcesses ? Processes.run(example, unit) : run(example, unit)
    }

    private static func run(_ example: Example, _ unit: Duration?) throws {
        switch example {
        case .future: try Future.run()
        case .sieve: try Sieve.run()
        case .simple: try Simple.run(pause: unit ?? Simple.pause)
        case .misc: try Misc.run()
        case .blocking: try Blocking.run(unit: unit ?? Blocking.unit)
        }
    }
}

enum Example: String {
    case future, sieve, simple, misc, blocking
}
