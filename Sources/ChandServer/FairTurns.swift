// SPDX-License-Identifier: Apache-2.0

/// What each user's sessions did in a turn together: a user with a thousand sessions gets no more of it than one with one.
struct FairTurns {
    private struct Work {
        var turn: UInt64 = 0
        var frames = 0
        var bytes = 0
    }

    private var users: [Work] = []
    private var turn: UInt64 = 0
    /// What one user may do in one turn: what one session may.
    var frames: Int
    private let bytes: Int

    init(frames: Int, bytes: Int) {
        self.frames = frames
        self.bytes = bytes
    }

    /// A turn begins, in which everybody has done nothing.
    mutating func begin() { turn &+= 1 }

    /// Whether the user, named by his account, may do something more in this turn.
    func hasTurn(_ user: Int) -> Bool {
        guard user < users.count, users[user].turn == turn else { return true }
        return users[user].frames < frames && users[user].bytes < bytes
    }

    /// The user's session ran frames, and had so many bytes read and written.
    mutating func charge(_ user: Int, frames: Int, bytes: Int) {
        while users.count <= user { users.append(Work()) }
        if users[user].turn != turn { users[user] = Work(turn: turn) }
        users[user].frames += frames
        users[user].bytes += bytes
    }
}
