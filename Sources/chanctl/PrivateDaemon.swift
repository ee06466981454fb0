// SPDX-License-Identifier: Apache-2.0

import ChanSystem
import Glibc

/// A daemon that lives for one `chanctl run`, with a directory for its socket.
///
/// Between chanctl and the daemon stands a shell, the keeper: it starts the daemon, waits for its end, and
/// removes the directory. The daemon stops when its standard input ends, a pipe whose other end chanctl alone
/// holds. So when chanctl is killed in a way that it can't answer, the daemon stops by itself and the keeper
/// tidies up. Both are in a process group of their own: the terminal's interrupt key is not for them.
struct PrivateDaemon: ~Copyable {
    /// Where it listens.
    let socket: String
    /// The shell.
    let keeper: ChildProcess
    private let directory: String
    private let lifeline: OwnedDescriptor

    private static let script = """
        program=$1 directory=$2
        shift 2
        "$program" --private --socket "$directory/chand.sock" --log-level warning --stop-with-stdin "$@"
        status=$?
        rm -rf -- "$directory"
        exit $status
        """
    private static let startMilliseconds: UInt64 = 10_000
    private static let stopMilliseconds: UInt64 = 10_000

    private init(
        socket: String, keeper: ChildProcess, directory: String, lifeline: consuming OwnedDescriptor
    ) {
        self.socket = socket
        self.keeper = keeper
        self.directory = directory
        self.lifeline = lifeline
    }

    /// Starts a daemon, with what else is to be said to it, and returns when its socket answers.
    static func start(_ program: String, _ arguments: [String] = []) throws -> PrivateDaemon {
        let directory = try makeDirectory()
        do {
            let pipe = try Descriptor.pipe()
            let keeper = try ChildProcess.spawn(
                "/bin/sh", arguments: ["-c", script, "chanctl-keeper", program, directory] + arguments,
                stdin: .descriptor(pipe.reading.raw), stdout: .null, group: 0)
            let socket = "\(directory)/chand.sock"
            let daemon = PrivateDaemon(
                socket: socket, keeper: keeper, directory: directory, lifeline: pipe.writing)
            do {
                try daemon.waitUntilReady(program)
            } catch {
                daemon.stop()
                throw error
            }
            return daemon
        } catch {
            try? Files.removeTree(directory)
            throw error
        }
    }

    private func waitUntilReady(_ program: String) throws {
        let deadline = MonotonicClock.deadline(milliseconds: Self.startMilliseconds)
        while true {
            do throws(SystemError) {
                _ = try UnixSocket.connect(path: socket)
                return
            } catch {
                guard error.errno == SystemError.notFound || error.errno == SystemError.connectionRefused
                else {
                    throw error
                }
            }
            // It takes milliseconds, and there is nothing to be woken by but the failure to start.
            if let status = try keeper.wait(timeoutMilliseconds: 1) {
                throw Failure(
                    "daemonNotRunning", "\(program) ended before it was ready: \(Self.words(status))",
                    exit: .unreachable)
            }
            guard MonotonicClock.now() < deadline else {
                throw Failure(
                    "daemonNotRunning", "\(program) was started and does not answer at \(socket)",
                    exit: .unreachable)
            }
        }
    }

    private static func words(_ status: ExitStatus) -> String {
        switch status {
        case .exited(let code): "exit code \(code)"
        case .signalled(let signal): "signal \(signal.rawValue)"
        }
    }

    /// Stops the daemon and returns when nothing of it is left.
    consuming func stop() {
        let keeper = keeper
        let directory = directory
        _ = consume self
        // The end of the pipe is what the daemon waits for; a daemon that hangs is not waited for for ever.
        if (try? keeper.wait(timeoutMilliseconds: Self.stopMilliseconds)) ?? nil == nil {
            _ = Glibc.kill(-keeper.pid, SIGKILL)
            _ = try? keeper.wait()
        }
        // The keeper has done it, unless somebody killed it.
        if Files.exists(directory) { try? Files.removeTree(directory) }
    }

    // MARK: - The directory

    /// Makes a directory that nobody else can enter, where a socket's path is not too long.
    private static func makeDirectory() throws -> String {
        var parents = ["/tmp"]
        if let runtime = ThisProcess.environment("XDG_RUNTIME_DIR"), runtime.hasPrefix("/") {
            parents.insert(runtime, at: 0)
        }
        var failure: SystemError?
        for parent in parents {
            do throws(SystemError) {
                if let path = try makeDirectory(in: parent) { return path }
            } catch {
                failure = error
            }
        }
        let reason = failure.map { "\($0)" } ?? "the paths are too long"
        throw Failure("system", "no directory for the private daemon's socket: \(reason)", exit: .failed)
    }

    private static func makeDirectory(in parent: String) throws(SystemError) -> String? {
        while true {
            let number = UInt32.random(in: 0 ... .max)
            let path = "\(parent)/chanctl-\(String(number, radix: 36))"
            guard path.utf8.count + "/chand.sock".utf8.count <= UnixSocket.maxPathBytes else { return nil }
            do throws(SystemError) {
                try Files.makeDirectory(path, permissions: 0o700)
                return path
            } catch {
                guard error.errno == SystemError.exists else { throw error }
            }
        }
    }
}
