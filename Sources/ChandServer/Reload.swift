// SPDX-License-Identifier: Apache-2.0

import ChanCore
import ChanSystem
import ChanWire
public import ChandConfig
import Systemd

/// Where the daemon's configuration comes from, to be asked again at a reload.
public struct ConfigurationSource: Sendable {
    /// What to call it, as the path of the file.
    public let name: String
    /// Reads it; may block.
    public let load: @Sendable () throws(ConfigurationError) -> Configuration

    /// A source that is read again at every reload.
    public init(
        name: String, load: @escaping @Sendable () throws(ConfigurationError) -> Configuration
    ) {
        self.name = name
        self.load = load
    }

    /// No source: a reload finds the defaults.
    public static let none = ConfigurationSource(name: "") { () throws(ConfigurationError) in Configuration()
    }
}

/// Reads the configuration on a thread of its own: files and directories of users may be slow.
final class Reloader: Sendable {
    private let source: ConfigurationSource
    private let wakeUp: WakeUp
    private let result = Lock<Result<Configuration, ConfigurationError>?>(nil)
    private let thread = Lock<NativeThread?>(nil)

    init(_ source: ConfigurationSource) throws(SystemError) {
        self.source = source
        wakeUp = try WakeUp()
    }

    deinit { thread.withLock { $0?.join() } }

    /// Readable when a reading is over.
    var descriptor: Int32 { wakeUp.descriptor }

    /// Starts to read; not to be called again before ``take()`` had its result.
    func start() throws(SystemError) {
        let started = try NativeThread.start(name: "chand-reload") { [source, wakeUp, result] in
            let read = Result { () throws(ConfigurationError) in try source.load() }
            result.withLock { $0 = read }
            wakeUp.signal()
        }
        let before = thread.withLock { thread in
            defer { thread = started }
            return thread
        }
        before?.join()
    }

    /// The result of the reading that is over; nil where none is.
    func take() -> Result<Configuration, ConfigurationError>? {
        wakeUp.drain()
        return result.withLock { result in
            defer { result = nil }
            return result
        }
    }
}

/// Who asked for a reload and is to be told.
struct ReloadRequest {
    let connection: Connection
    let request: UInt64
}

/// What administrators ask of the daemon itself.
extension Server {
    /// Carries out what came in this turn.
    func runControls() {
        let list = hub.controls
        guard !list.isEmpty else { return }
        hub.controls = []
        for (connection, request, control) in list where connection.state == .greeted {
            switch control {
            case .change(.reload): reload(for: ReloadRequest(connection: connection, request: request))
            case .change(.stop):
                hub.outbox.append(SimpleFrame.done(request: request), to: connection)
                requestStop()
            case .change(.logLevel(let name)):
                let answer =
                    if let level = LogLevel(rawValue: name) {
                        setLogLevel(level, request)
                    } else {
                        Failed(.invalidArgument, text: "\"\(name)\" is no level of the log")
                            .encoded(request: request)
                    }
                hub.outbox.append(answer, to: connection)
            case .status: hub.outbox.append(state().encoded(request: request), to: connection)
            }
        }
    }

    private func setLogLevel(_ level: LogLevel, _ request: UInt64) -> [UInt8] {
        log.level = level
        return SimpleFrame.done(request: request)
    }

    private func state() -> DaemonState {
        var state = DaemonState()
        state.pid = UInt32(clamping: ThisProcess.pid)
        state.sessions = UInt32(clamping: hub.broker.sessionCount)
        state.channels = UInt64(hub.broker.channelCount)
        state.messages = UInt64(hub.broker.messageCount)
        state.accepted = hub.broker.acceptedCount
        state.waiting = UInt64(hub.broker.parkedCount)
        state.longestWait = hub.broker.longestWait ?? 0
        state.uptime = MonotonicClock.now() - started
        state.logLevel = log.level.rawValue
        state.configuration = source.name
        state.reloadFailure = reloadFailure
        return state
    }

    // MARK: Reloading

    /// Begins to read the configuration anew, or notes that it has to be read once more: what was asked for while
    /// a reading went on may concern a later state of the file.
    func reload(for request: ReloadRequest?) {
        let isReading = isReloading
        if isReading {
            if let request { reloadRequests.next.append(request) }
            reloadsAgain = true
            return
        }
        if let request { reloadRequests.current.append(request) }
        startReload()
    }

    private func startReload() {
        Notifier.reloading()
        do throws(SystemError) {
            try reloader.start()
            isReloading = true
        } catch {
            concludeReload("the configuration can't be read: \(error)")
        }
    }

    /// A reading is over: puts it in force, or says why not.
    func finishReload() {
        guard let result = reloader.take() else { return }
        isReloading = false
        switch result {
        case .success(let configuration):
            apply(configuration)
            concludeReload(nil)
        case .failure(let error): concludeReload(error.description)
        }
        guard reloadsAgain else { return }
        reloadsAgain = false
        reloadRequests = (reloadRequests.next, [])
        startReload()
    }

    private func concludeReload(_ failure: String?) {
        reloadFailure = failure ?? ""
        if let failure {
            log.error(
                "the configuration is wrong, the old one stays in force: \(failure)", event: .reloadFailed)
        } else {
            log.info("the configuration was read anew", event: .reloaded)
        }
        Notifier.ready(
            status: failure.map { "configuration not reloaded: \($0)" } ?? StatusLine.line(of: self).text)
        for request in reloadRequests.current where request.connection.state == .greeted {
            let answer =
                failure.map { Failed(.invalidConfiguration, text: $0).encoded(request: request.request) }
                ?? SimpleFrame.done(request: request.request)
            hub.outbox.append(answer, to: request.connection)
        }
        reloadRequests.current = []
    }

    private func apply(_ new: Configuration) {
        for name in ConfigurationSchema.fixedAtStart where new.text(of: name) != configuration.text(of: name)
        {
            log.warning("\(name) changes at the next start only", event: .configurationWarning)
        }
        for warning in new.warnings { log.warning("\(warning)", event: .configurationWarning) }
        configuration = new
        log.level = new.daemon.logLevel
        hub.reconfigure(
            limits: BrokerLimits(new.limits), spaces: new.brokerSpaces,
            maxMessageBytes: new.limits.messageBytes, framesPerTurn: new.loop.turnFrames,
            outputHighWatermark: new.limits.outputHighWatermark,
            inspectionsPerSecond: new.limits.inspectionsPerSecond)
        fairTurns.frames = new.loop.turnFrames
        for connection in connections.all {
            hub.setAdministrator(Identity(connection.credentials, new).isAdministrator, of: connection)
        }
        declareChannels()
    }

    /// Makes the channels that the configuration declares (rule 15).
    func declareChannels() {
        let list = configuration.channels.map(DeclaredChannel.init)
        for (name, failure) in hub.declare(list) {
            log.warning(
                "the declared channel \(name) can't be made: \(failure.text)", event: .configurationWarning)
        }
    }
}

extension DeclaredChannel {
    /// The configuration's declaration in the broker's words.
    init(_ channel: ChannelDeclaration) {
        var options = OpenOptions(name: channel.name, role: .both)
        options.capacity = Int64(channel.capacity)
        options.typeTag = channel.typeTag.isEmpty ? nil : channel.typeTag
        let segments = channel.name.split(separator: "/")
        let user = segments.first == "uid" ? UInt32(segments[1]) : nil
        options.owner = channel.owner?.id ?? user ?? ThisProcess.effectiveUid
        options.group = channel.group?.id
        options.mode = channel.mode.map { UInt16(truncatingIfNeeded: $0) }
        if channel.closeWithLastSender { options.closeWithLastSender = true }
        if channel.failWithLastReceiver { options.failWithLastReceiver = true }
        if channel.maxBytes != 0 { options.maxBytes = UInt64(channel.maxBytes) }
        self.init(options)
    }
}
