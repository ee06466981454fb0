// SPDX-License-Identifier: Apache-2.0

import ChanWire

/// Turns what the daemon says into what the library throws.
enum DaemonFailure {
    /// The error for a FAILED frame.
    ///
    /// - Parameters:
    ///   - channel: the channel concerned, if the operation had one.
    ///   - isBatch: whether what was accepted before is worth an error of its own.
    static func error(_ failed: Failed, channel: String?, before accepted: Int = 0) -> any Error {
        let total = accepted + Int(failed.accepted)
        switch failed.code {
        case .closed:
            return ChannelClosed(
                channel: channel ?? "", reason: CloseReason(code: failed.reason, failed.text), accepted: total
            )
        case .cancelled where total == 0:
            return CancellationError()
        default:
            let known =
                failed.code.map(describe) ?? (.unknown, "the daemon reports failure \(failed.rawCode)")
            let message = failed.text.isEmpty ? known.1 : failed.text
            return ChandError(known.0, message, channel: channel, accepted: total)
        }
    }

    private static func describe(_ code: FailureCode) -> (ChandError.Code, String) {
        switch code {
        case .closed: (.unknown, "the channel is closed")
        case .wouldBlock: (.timeout, "nothing could be done without waiting")
        case .timeout: (.timeout, "the time given ran out")
        case .cancelled: (.cancelled, "the task was cancelled")
        case .noReceivers: (.noReceivers, "the last receiver has gone")
        case .noSuchChannel: (.noSuchChannel, "there is no such channel")
        case .exists: (.exists, "the channel exists already")
        case .mismatch: (.mismatch, "a stated option differs from the channel's")
        case .notPermitted: (.notPermitted, "this user may not do that")
        case .quotaExceeded: (.quotaExceeded, "a limit is reached")
        case .invalidName: (.invalidName, "the name is not allowed")
        case .invalidArgument: (.invalidArgument, "a value is not allowed")
        case .wrongRole: (.wrongRole, "the channel was not opened for this direction")
        case .handleClosed: (.handleClosed, "the channel was released or stopped while this waited")
        case .noSuchHandle: (.handleClosed, "the channel was released before")
        case .messageTooLarge: (.messageTooLarge, "the message is larger than the daemon allows")
        case .leaseExpired: (.leaseExpired, "the lease is over")
        case .notConfirmed: (.notConfirmed, "sent, not confirmed")
        case .invalidConfiguration: (.invalidConfiguration, "the daemon's configuration is wrong")
        }
    }

    /// The error for a GOODBYE frame that answers the handshake.
    static func refusal(_ goodbye: Goodbye, socket: String) -> ChandError {
        let code: ChandError.Code
        switch goodbye.code {
        case .version: code = .versionMismatch
        case .refused: code = .notPermitted
        case .tooManySessions: code = .quotaExceeded
        case .shuttingDown: code = .daemonNotRunning
        default: code = .protocolViolation
        }
        return ChandError(
            code, "the daemon at \(socket) refuses the connection: \(goodbye.text)", socket: socket)
    }

    /// The error that ends everything under way when the connection ends.
    static func lost(_ goodbye: Goodbye?, socket: String) -> ChandError {
        guard let goodbye else {
            return ChandError(
                .connectionLost,
                "the connection to the daemon at \(socket) was lost; what was under way may or may not have happened",
                socket: socket)
        }
        let violation =
            goodbye.rawCode >= GoodbyeCode.malformed.rawValue
            && goodbye.rawCode <= GoodbyeCode.requestInUse.rawValue
        return ChandError(
            violation ? .protocolViolation : .connectionLost,
            "the daemon at \(socket) ended the connection: \(goodbye.text)", socket: socket)
    }
}
