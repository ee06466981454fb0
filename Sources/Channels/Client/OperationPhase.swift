// SPDX-License-Identifier: Apache-2.0

/// Where one operation stands, from its caller's point of view: what makes cancelling it free of races.
///
/// Both ends of the race run on the client's loop, one after the other, in whichever order they came:
///
/// - cancelled before it began: it is `withdrawn`, and beginning it fails without a frame having been sent;
/// - cancelled while under way: the daemon is asked, and its answer decides;
/// - cancelled after its end: nothing happens.
enum OperationPhase: Equatable, Sendable {
    /// The caller has made it.
    case prepared
    /// Its task was cancelled before it began.
    case withdrawn
    /// The daemon has been asked for it under this id.
    case underWay(UInt64)
    /// Its caller has been told how it ended.
    case ended

    /// Whether a frame may be written for it; false where it was withdrawn before.
    func mayBegin() -> Bool { self == .prepared }

    /// Says that its frame is written.
    mutating func begin(as id: UInt64) { self = .underWay(id) }

    /// Says that its caller has been told.
    mutating func end() { self = .ended }

    /// Says that its task was cancelled; returns the id to be withdrawn, if it was under way.
    mutating func cancel() -> UInt64? {
        switch self {
        case .prepared:
            self = .withdrawn
            return nil
        case .underWay(let id):
            return id
        case .withdrawn, .ended:
            return nil
        }
    }
}
