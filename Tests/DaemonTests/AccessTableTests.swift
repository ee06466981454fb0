// SPDX-License-Identifier: Apache-2.0

import ChanSystem
import ChanTestSupport
import ChanWire
import Glibc
import Testing

/// Who may do what (rules 25 and 28, P24): every operation of the protocol that asks for a right, by every kind of user,
/// each a process whose user and groups the kernel tells the daemon.
@Suite(.blocking) struct AccessTableTests {
    /// What comes of it, by who tries it.
    ///
    /// Each row is tried on a channel `/uid/5000/c` of the owner's, with group 50 and the mode that the row begins with,
    /// else 0666, in which one message lies. `yes` is success, the others are the failures `notPermitted` (no), `mismatch`,
    /// `noSuchChannel` (none), `invalidArgument` (invalid); `hidden` means that it is not shown.
    static let table = """
        |                                   | owner    | group    | member   | other    | root | daemon | admin |
        | create in one's own space         | yes      | yes      | yes      | yes      | yes  | yes    | yes   |
        | create in the owner's space       | yes      | no       | no       | no       | yes  | yes    | yes   |
        | create in a granted space         | yes      | yes      | yes      | no       | yes  | yes    | yes   |
        | create in a space without create  | no       | no       | no       | no       | yes  | yes    | yes   |
        | create in a space nobody has      | no       | no       | no       | no       | yes  | yes    | yes   |
        | create in a space there is not    | no       | no       | no       | no       | no   | no     | no    |
        | create for the owner              | yes      | no       | no       | no       | yes  | yes    | yes   |
        | create for the group              | yes      | yes      | yes      | no       | yes  | yes    | yes   |
        | find none in the owner's space    | none     | no       | no       | no       | none | none   | none  |
        | find none in a granted space      | none     | none     | none     | no       | none | none   | none  |
        | find none in a space nobody has   | no       | no       | no       | no       | none | none   | none  |
        | 0600 open to receive              | yes      | no       | no       | no       | yes  | yes    | yes   |
        | 0600 open to send                 | yes      | no       | no       | no       | yes  | yes    | yes   |
        | 0600 open for both                | yes      | no       | no       | no       | yes  | yes    | yes   |
        | 0640 open to receive              | yes      | yes      | yes      | no       | yes  | yes    | yes   |
        | 0640 open to send                 | yes      | no       | no       | no       | yes  | yes    | yes   |
        | 0640 open for both                | yes      | no       | no       | no       | yes  | yes    | yes   |
        | 0620 open to receive              | yes      | no       | no       | no       | yes  | yes    | yes   |
        | 0620 open to send                 | yes      | yes      | yes      | no       | yes  | yes    | yes   |
        | 0620 open for both                | yes      | no       | no       | no       | yes  | yes    | yes   |
        | 0604 open to receive              | yes      | no       | no       | yes      | yes  | yes    | yes   |
        | 0602 open to send                 | yes      | no       | no       | yes      | yes  | yes    | yes   |
        | 0066 open for both                | no       | yes      | yes      | yes      | yes  | yes    | yes   |
        | 0666 open for both                | yes      | yes      | yes      | yes      | yes  | yes    | yes   |
        | open in a granted space           | yes      | yes      | yes      | no       | yes  | yes    | yes   |
        | open in a space without create    | yes      | yes      | yes      | no       | yes  | yes    | yes   |
        | open in a space nobody has        | no       | no       | no       | no       | yes  | yes    | yes   |
        | open with its mode stated         | yes      | yes      | yes      | yes      | yes  | yes    | yes   |
        | open with another mode            | yes      | mismatch | mismatch | mismatch | yes  | yes    | yes   |
        | open with the owner's own group   | yes      | mismatch | mismatch | mismatch | yes  | yes    | yes   |
        | open with nobody's group          | no       | mismatch | mismatch | mismatch | yes  | yes    | yes   |
        | open with another owner           | mismatch | mismatch | mismatch | mismatch | yes  | yes    | yes   |
        | open to keep                      | yes      | no       | no       | no       | yes  | yes    | yes   |
        | 0600 inspect                      | yes      | no       | no       | no       | yes  | yes    | yes   |
        | 0240 inspect                      | yes      | yes      | yes      | no       | yes  | yes    | yes   |
        | 0620 inspect                      | yes      | no       | no       | no       | yes  | yes    | yes   |
        | 0604 inspect                      | yes      | no       | no       | yes      | yes  | yes    | yes   |
        | 0600 describe                     | yes      | no       | no       | no       | yes  | yes    | yes   |
        | 0240 describe                     | yes      | yes      | yes      | no       | yes  | yes    | yes   |
        | 0600 measure                      | yes      | no       | no       | no       | yes  | yes    | yes   |
        | 0240 measure                      | yes      | yes      | yes      | no       | yes  | yes    | yes   |
        | 0600 wait by name                 | yes      | no       | no       | no       | yes  | yes    | yes   |
        | 0240 wait by name                 | yes      | yes      | yes      | no       | yes  | yes    | yes   |
        | 0600 peek                         | yes      | no       | no       | no       | yes  | yes    | yes   |
        | 0240 peek                         | no       | yes      | yes      | no       | yes  | yes    | yes   |
        | 0604 peek                         | yes      | no       | no       | yes      | yes  | yes    | yes   |
        | purge                             | yes      | no       | no       | no       | yes  | yes    | yes   |
        | pause                             | yes      | no       | no       | no       | yes  | yes    | yes   |
        | resume                            | yes      | no       | no       | no       | yes  | yes    | yes   |
        | restore                           | yes      | no       | no       | no       | yes  | yes    | yes   |
        | remove                            | yes      | no       | no       | no       | yes  | yes    | yes   |
        | inspect what is not there         | none     | no       | no       | no       | none | none   | none  |
        | peek at what is not there         | none     | no       | no       | no       | none | none   | none  |
        | purge what is not there           | none     | no       | no       | no       | none | none   | none  |
        | remove what is not there          | none     | no       | no       | no       | none | none   | none  |
        | 0600 bury by a receive's terms    | yes      | no       | no       | no       | yes  | yes    | yes   |
        | 0620 bury by a receive's terms    | yes      | yes      | yes      | no       | yes  | yes    | yes   |
        | 0604 bury by a receive's terms    | yes      | no       | no       | no       | yes  | yes    | yes   |
        | bury in a new one of the owner's  | yes      | no       | no       | no       | yes  | yes    | yes   |
        | 0600 bury by DEAD_LETTER          | yes      | no       | no       | no       | yes  | yes    | yes   |
        | 0602 bury by DEAD_LETTER          | yes      | no       | no       | yes      | yes  | yes    | yes   |
        | unnamed open                      | yes      | yes      | yes      | yes      | yes  | yes    | yes   |
        | unnamed open with a mode          | invalid  | invalid  | invalid  | invalid  | invalid | invalid | invalid |
        | unnamed inspect                   | yes      | yes      | yes      | yes      | yes  | yes    | yes   |
        | unnamed peek                      | yes      | yes      | yes      | yes      | yes  | yes    | yes   |
        | unnamed purge                     | yes      | no       | no       | no       | yes  | yes    | yes   |
        | unnamed remove                    | yes      | no       | no       | no       | yes  | yes    | yes   |
        | list the channel                  | yes      | hidden   | hidden   | hidden   | yes  | yes    | yes   |
        | list the owner's session          | yes      | hidden   | hidden   | hidden   | yes  | yes    | yes   |
        | list what the owner waits for     | yes      | hidden   | hidden   | hidden   | yes  | yes    | yes   |
        | be told of what the owner sends   | yes      | hidden   | hidden   | hidden   | yes  | yes    | yes   |
        | ask for the daemon's status       | no       | no       | no       | no       | yes  | yes    | yes   |
        | set the level of the log          | no       | no       | no       | no       | yes  | yes    | yes   |
        | have the configuration read anew  | no       | no       | no       | no       | yes  | yes    | yes   |
        """

    /// What a handle may do, whoever has it, by the role that it was opened with.
    static let roles = """
        |                     | receive   | send      | both |
        | SEND                | wrongRole | yes       | yes  |
        | RECEIVE             | yes       | wrongRole | yes  |
        | SELECT to send      | wrongRole | yes       | yes  |
        | SELECT to receive   | yes       | wrongRole | yes  |
        | INSPECT             | yes       | yes       | yes  |
        | WAIT                | yes       | yes       | yes  |
        | pass it to send     | wrongRole | yes       | yes  |
        | pass it to receive  | yes       | wrongRole | yes  |
        | pass it for both    | wrongRole | wrongRole | yes  |
        | CLOSE               | wrongRole | yes       | yes  |
        | STOP                | yes       | wrongRole | yes  |
        | CLOSE_HANDLE        | yes       | yes       | yes  |
        """

    @Test(.enabled(if: geteuid() == 0), .timeLimit(.minutes(15)))
    func everyCell() throws {
        try AccessScene.run { scene in
            let (columns, rows) = Self.cells(Self.table)
            #expect(columns == AccessScene.users.map(\.name))
            for (row, expected) in rows {
                for (user, wanted) in zip(columns, expected) {
                    let got = try scene.attempt(row, by: user)
                    #expect(got == wanted, "\(row), by \(user)")
                }
            }
        }
    }

    @Test(.enabled(if: geteuid() == 0))
    func everyRole() throws {
        try AccessScene.run { scene in
            let (columns, rows) = Self.cells(Self.roles)
            for (row, expected) in rows {
                for (role, wanted) in zip(columns, expected) {
                    for user in AccessScene.users.map(\.name) {
                        let got = try scene.use(role, to: row, by: user)
                        #expect(got == wanted, "\(row) by the \(user)'s handle for \(role)")
                    }
                }
            }
        }
    }

    /// Only administrators stop the daemon.
    @Test(.enabled(if: geteuid() == 0))
    func stop() throws {
        for user in AccessScene.users {
            let mayStop = ["root", "daemon", "admin"].contains(user.name)
            try AccessScene.run(stops: !mayStop) { scene in
                let got = try scene.answer(by: user.name) { ControlRequest.stop.encoded(request: $0) }
                #expect(got == (mayStop ? "yes" : "no"), "\(user.name)")
                if mayStop { try scene.client(user.name).goodbye() }
            }
        }
    }

    /// Whom the kernel has no number for has no session in which he could try any of it.
    @Test(.enabled(if: geteuid() == 0))
    func overflowUser() throws {
        try AccessScene.run { scene in
            let nobody = try ClientProcess(scene.daemon.socketPath, greets: false, user: 65_534)
            let goodbye = try nobody.client.goodbye()
            #expect(goodbye.code == .refused)
            #expect(goodbye.text.contains("another user namespace"))
        }
    }

    /// As with files, a changed mode holds from the next open; open handles keep what they were opened with.
    @Test(.enabled(if: geteuid() == 0))
    func changedMode() throws {
        try AccessScene.run { scene in
            try scene.makeChannel(mode: 0o666)
            let other = try scene.client("other")
            let handle = try other.open(AccessScene.name)
            let owner = try scene.client("owner")
            try owner.closeHandle(owner.open(AccessScene.name) { $0.mode = 0o600 })
            #expect(try scene.open(AccessScene.name, by: "other") == "no")
            #expect(try other.receive(handle).delivered?.texts == ["one"])
            #expect(try other.send(handle, "two") == .sent)
        }
    }

    /// The first row's columns, and of every other its first cell and the rest.
    private static func cells(_ table: String) -> (columns: [String], rows: [(String, [String])]) {
        let lines = table.split(separator: "\n").map { line in
            line.split(separator: "|").map { cell in
                String(cell.drop { $0 == " " }.reversed().drop { $0 == " " }.reversed())
            }
        }
        let rows = lines.dropFirst().map { ($0[0], Array($0[1...])) }
        return (Array(lines[0][1...]), rows)
    }
}
