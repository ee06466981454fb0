// SPDX-License-Identifier: Apache-2.0

/// What must hold of channels that messages pass.
extension Broker {
    func checkPassing() throws(InvariantViolation) {
        try require(released.isEmpty, "an input was not concluded")
        var seen = 0
        let places = placesOfListingMessages()
        for slot in 0..<messages.highWater where messages.contains(slot) {
            var listing = messages[slot].firstPassed
            while listing != none {
                try require(handles.contains(listing), "message \(slot) lists a handle that is gone")
                let handle = handles[listing]
                try require(
                    handle.session == none && handle.message == slot && !handle.isClosed
                        && handle.window.live == 0, "message \(slot) lists a handle that is not its own")
                let place = places[slot] ?? Place()
                try require(handle.holder == place.channel, "listing \(listing) is not where its message is")
                try require(handle.offeredTo == place.session, "listing \(listing) is offered to another")
                try checkOffer(listing)
                seen += 1
                listing = handle.nextPassed
            }
        }
        var listed = 0
        for slot in 0..<handles.highWater where handles.contains(slot) && handles[slot].session == none {
            listed += 1
        }
        try require(seen == listed && seen == listingCount, "a listing has no message")
    }

    private struct Place {
        var channel = none
        var session = none
    }

    /// Where messages are that lie in a channel or are delivered.
    private func placesOfListingMessages() -> [UInt32: Place] {
        var places: [UInt32: Place] = [:]
        guard listingCount > 0 else { return places }
        for channel in 0..<channels.highWater where channels.contains(channel) {
            var stack = [
                channels[channel].activity.returned, channels[channel].queueHead,
                channels[channel].activity.aside.head,
            ]
            while let slot = stack.popLast() {
                guard slot != none else { continue }
                places[slot] = Place(channel: channel)
                stack.append(messages[slot].next)
                stack.append(messages[slot].child)
            }
        }
        for handle in 0..<handles.highWater where handles.contains(handle) && handles[handle].session != none
        {
            for slot in handles[handle].window.snapshot() {
                places[slot] = Place(session: handles[handle].session)
            }
        }
        return places
    }

    /// The number that is offered for a listing names no handle and is given to no other.
    private func checkOffer(_ listing: UInt32) throws(InvariantViolation) {
        let (session, number) = (handles[listing].offeredTo, handles[listing].number)
        guard session != none else {
            return try require(number == none, "listing \(listing) has a number that nobody was offered")
        }
        try require(
            sessions.contains(session) && Int(number) < sessions[session].handles.count
                && sessions[session].handles[Int(number)] == none
                && !sessions[session].freeNumbers.contains(number),
            "listing \(listing) is offered a taken number")
    }
}
