// SPDX-License-Identifier: Apache-2.0

public import ChanSystem

/// Why the daemon can't serve; its description is one line for an operator.
public struct ServerError: Error, CustomStringConvertible {
    /// The system call that failed.
    public let cause: SystemError

    init(_ cause: SystemError) {
        self.cause = cause
    }

    /// What failed, where, and what to do.
    public var description: String {
        switch (cause.call, cause.errno) {
        case (.bind, SystemError.addressInUse), (.flock, _):
            "\(cause): another chand serves there; stop it, or give this one another --socket"
        case (.bind, SystemError.permissionDenied), (.open, SystemError.permissionDenied):
            "\(cause): start chand as a user who may write there, or give it another --socket"
        default: "\(cause)"
        }
    }
}
