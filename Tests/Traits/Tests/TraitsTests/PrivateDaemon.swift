// SPDX-License-Identifier: Apache-2.0

import Channels
import Foundation

/// A daemon in a directory of its own, which can be killed and started again: the program that CHAND_PROGRAM names.
final class PrivateDaemon {
    private let directory: URL
    private var process: Process?
    let socket: String

    init() throws {
        directory = FileManager.default.temporaryDirectory.appendingPathComponent(
            "chand-\(UUID().uuidString.prefix(8))")
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
        socket = directory.appendingPathComponent("s").path
        try start()
    }

    deinit {
        kill()
        try? FileManager.default.removeItem(at: directory)
    }

    func start() throws {
        guard let program = ProcessInfo.processInfo.environment["CHAND_PROGRAM"] else { throw NoProgram() }
        let process = Process()
        process.executableURL = URL(fileURLWithPath: program)
        process.arguments = ["--private", "--socket", socket, "--log-level", "error"]
        try process.run()
        self.process = process
    }

    func kill() {
        guard let process = process.take() else { return }
        Foundation.kill(process.processIdentifier, SIGKILL)
        process.waitUntilExit()
    }
}

/// CHAND_PROGRAM is not set.
struct NoProgram: Error {}

/// Connects as soon as the daemon listens.
func connected(to daemon: PrivateDaemon) async throws -> ChandClient {
    while true {
        do {
            return try await ChandClient.connect(
                to: daemon.socket, name: "traits", busyLimit: .milliseconds(200))
        } catch let error as ChandError where error.code == .daemonNotRunning {
            await Task.yield()
        }
    }
}
