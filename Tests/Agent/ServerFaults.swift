// SPDX-License-Identifier: Apache-2.0

import ChanSystem
import ChanTestSupport
import ChanWire
import ChandConfig
import ChandServer

/// The daemon inside this process, with one system call of its threads that fails: once for each call that a
/// conversation with it makes, and for each error that it may fail with (P10).
///
/// It may refuse to start, end the session that the call was for, or let a client wait. It may not end, keep a descriptor,
/// leave a client without an answer, or keep anything on an account.
enum ServerFaults {
    /// What the kernel may say to each call that the daemon makes; nothing where there is nothing to be done about it.
    static let errors: [SystemCall: [Int32]] = {
        let again = SystemError.wouldBlock
        let interrupted = SystemError.interrupted
        let noMemory = SystemError.noMemory
        let noDescriptor = [
            SystemError.descriptorsExhausted, SystemError.systemDescriptorsExhausted, noMemory,
        ]
        let (inputOutput, noSpace, protocolError, networkDown): (Int32, Int32, Int32, Int32) = (
            5, 28, 71, 100
        )
        let lost = [SystemError.connectionReset, noMemory, SystemError.noBuffers, again, interrupted]
        return [
            .accept: noDescriptor + [
                SystemError.noBuffers, SystemError.connectionAborted, interrupted, again,
                SystemError.notPermitted, protocolError, networkDown, SystemError.invalidArgument,
            ],
            .bind: [SystemError.addressInUse, SystemError.permissionDenied, noMemory, noSpace],
            .chmod: [SystemError.notPermitted, noSpace, interrupted],
            .close: [],
            .connect: [again, SystemError.permissionDenied, noMemory],
            .dup: noDescriptor + [interrupted],
            .epollCreate: noDescriptor,
            .epollCtl: [noMemory, noSpace],
            .epollWait: [interrupted],
            .eventfd: noDescriptor,
            .flock: [again, interrupted, noMemory],
            .getsockopt: [
                SystemError.noBuffers, SystemError.noSuchProcess, SystemError.invalidArgument,
                SystemError.noSuchOption,
            ] + noDescriptor,
            .listen: [SystemError.addressInUse, noMemory],
            .open: noDescriptor + [SystemError.permissionDenied, interrupted],
            .pthreadCreate: [again],
            .read: lost + [inputOutput],
            .readv: lost + [inputOutput],
            .send: lost + [SystemError.brokenPipe],
            .sendmsg: lost + [SystemError.brokenPipe],
            .signalfd: noDescriptor,
            .sigmask: [noMemory],
            .socket: noDescriptor + [SystemError.noBuffers],
            .stat: [SystemError.permissionDenied, noMemory],
            .unlink: [SystemError.notPermitted, inputOutput],
            .write: [noSpace, inputOutput, again, interrupted, SystemError.brokenPipe],
        ]
    }()

    /// Tries one kind of call and says how often it was made and failed; of all of them only how often they are made.
    static func run(_ name: String?) throws {
        let counting = SystemFaults()
        guard try Life(counting).end() == nil else { throw LiveFailure("it does not start without faults") }
        guard let name else {
            for call in SystemCall.allCases where counting.count(call) > 0 {
                print(call.rawValue, counting.count(call))
            }
            return
        }
        guard let call = SystemCall(rawValue: name), let numbers = errors[call] else {
            throw LiveFailure("nothing is known of \(name)")
        }
        var forced = 0
        for errno in numbers {
            // Some calls more: how often it waits, and reads in vain, differs.
            for nth in 1...counting.count(call) + 2 {
                let plan = SystemFaults([.init(call, nth: nth, errno: errno)])
                do {
                    if let refusal = try Life(plan, reloads: call != .write).end(), plan.forced == 0 {
                        throw refusal
                    }
                } catch {
                    throw LiveFailure("\(SystemError(errno: errno, call: call)), call \(nth): \(error)")
                }
                forced += plan.forced
            }
        }
        print("\(name): \(counting.count(call)) calls, \(numbers.count) errors, \(forced) failures")
    }

    /// One daemon from its start to its end.
    private final class Life {
        private let path: String
        private let directory: String
        private let plan: SystemFaults
        /// Not where `write` fails: that of the thread that reads the configuration is to an eventfd, and never does.
        private let reloads: Bool
        private let before: Int
        /// Why it ended; nil within while it has not.
        private let outcome = ConditionLock<Result<Void, any Error>?>(nil)
        private var served = false

        init(_ plan: SystemFaults, reloads: Bool = true) throws {
            self.plan = plan
            self.reloads = reloads
            before = try ThisProcess.openDescriptors()
            directory = try Files.makeTemporaryDirectory(prefix: "chand-faults")
            path = "\(directory)/s"
        }

        deinit { try? Files.removeTree(directory) }

        /// Lives all of it, and checks what is left; returns why it refused to start.
        func end() throws -> SystemError? {
            let lifeline = try Descriptor.pipe()
            let reading = lifeline.reading.raw
            let (path, plan, outcome) = (path, plan, outcome)
            let thread = try NativeThread.start(name: "server") {
                let result = Result { try plan.run { try Self.serve(path, lifeline: reading) } }
                outcome.withLock { $0 = result }
                outcome.broadcast()
            }
            if try connects() {
                served = true
                // What a fault does to those whom it hits is theirs; what it does to others is not.
                try allowingEnds { try converse() }
                do { try isWell() } catch { try isWell() }
            }
            _ = consume lifeline.writing
            let deadline = Patience.deadline()
            guard let result = outcome.wait(until: deadline, for: { $0 }) else {
                throw LiveFailure("it does not end")
            }
            thread.join()
            _ = consume lifeline.reading
            let left = try ThisProcess.openDescriptors()
            guard left == before else { throw LiveFailure("\(left) descriptors instead of \(before)") }
            switch result {
            case .success: return nil
            case .failure(let error as ServerError) where !served: return error.cause
            case .failure(let error as SystemError) where !served: return error
            case .failure(let error): throw error
            }
        }

        private static func serve(_ path: String, lifeline: Int32) throws {
            var configuration = Configuration.privateDefaults(socket: path)
            configuration.loop.spin = .zero
            let nowhere = try Descriptor.pipe(nonBlocking: true)
            let signals = try SignalSource([.hangup])
            let log = try Log(level: .info, to: nowhere.writing.raw, style: .timestamps)
            defer { log.close() }
            let source = ConfigurationSource(name: "none") { [configuration] () throws(ConfigurationError) in
                configuration
            }
            let server = try Server(
                configuration: configuration, source: source, log: log, checksInvariants: true)
            try server.run(signals: signals, lifeline: lifeline)
        }

        /// Whether it begins to serve.
        private func connects() throws -> Bool {
            let deadline = Patience.deadline()
            while MonotonicClock.now() < deadline {
                if outcome.withLock({ $0 != nil }) { return false }
                if Files.exists(path), (try? WireClient(path).ping()) != nil { return true }
            }
            throw LiveFailure("nobody gets in")
        }

        /// Lets sessions end as they will, but nobody wait for ever.
        private func allowingEnds(_ body: () throws -> Void) throws {
            do { try body() } catch let failure as LiveFailure {
                if failure.description.contains("in time") || failure.description.contains("written") {
                    throw failure
                }
            } catch is SystemError {}
        }

        /// Something of most of what makes the daemon call the system.
        private func converse() throws {
            let sender = try WireClient(path)
            let handle = try sender.open("c", capacity: 8)
            _ = try sender.send(handle, "one", "two")
            let big = [UInt8](repeating: 7, count: 100 << 10)
            try sender.write(WireClient.sendFrame(request: 100, handle: handle, [big]))
            _ = try sender.outcome(of: 100)
            let receiver = try WireClient(path)
            let into = try receiver.open("c", .receive)
            for _ in 0..<2 {
                if let delivered = try receiver.receive(into).delivered {
                    try receiver.settle(delivered.range)
                }
            }
            // A big one, not settled, by one that dies.
            _ = try receiver.receive(into)
            _ = try WireClient(path, greets: false)
            let reader = try WireClient(path)
            let asked = (0..<4).flatMap { _ in
                SimpleFrame.ping(request: 1, payload: [UInt8](repeating: 3, count: 300 << 10))
            }
            try reader.write(asked)
            for _ in 0..<4 { _ = try reader.frame() }
            if reloads {
                try sender.write(ControlRequest.reload.encoded(request: 101))
                _ = try sender.outcome(of: 101)
            }
            try sender.write(SimpleFrame.leave())
            try sender.goodbye()
        }

        /// Whether a new client finds everything as it should be, and nothing of the others.
        private func isWell() throws {
            let client = try WireClient(path)
            // What others left, and the client before, which met the fault.
            for name in ["c", "well"] {
                let request = client.request()
                try client.write(SimpleFrame.name(.remove, request: request, name: name))
                _ = try client.outcome(of: request)
            }
            let handle = try client.open("well", capacity: 1)
            guard try client.send(handle, "x") == .sent,
                let delivered = try client.receive(handle).delivered, delivered.texts == ["x"]
            else { throw LiveFailure("a message does not get through") }
            try client.settle(delivered.range)
            try client.closeHandle(handle)
            try client.waitUntilAlone()
            let state = try client.daemonState()
            guard state.channels == 0, state.messages == 0, state.waiting == 0 else {
                throw LiveFailure("something is left: \(state)")
            }
        }
    }
}
