// SPDX-License-Identifier: Apache-2.0

import ChanCore

extension Interleavings {
    /// The state up to names: the smallest of its writings under every order of sessions and equal channels.
    func key(_ model: ModelBroker) -> [UInt8] {
        let sessions = permutations(Array(model.sessions.keys.filter { $0 > 0 }).sorted())
        let channels: [[Int]] =
            capacities.count == 2 && capacities[0] == capacities[1] ? [[0, 1], [1, 0]] : [[0, 1]]
        var best: [UInt8]?
        for sessionOrder in sessions {
            for channelOrder in channels {
                let writing = write(model, sessionOrder, channelOrder)
                if best.map({ writing.lexicographicallyPrecedes($0) }) ?? true { best = writing }
            }
        }
        return best ?? []
    }

    /// Counters that only grow are left out, numbers are replaced by places.
    private func write(_ model: ModelBroker, _ sessions: [UInt32], _ order: [Int]) -> [UInt8] {
        var bytes: [UInt8] = [UInt8(sessions.count)]
        var place: [UInt64: UInt8] = [:]
        var ranks: [UInt64: [UInt64: UInt8]] = [:]
        // Generations are given in the order of opening, and nothing is ever opened again.
        for (index, channel) in order.enumerated() {
            let generation = UInt64(channel + 1)
            place[generation] = UInt8(index)
            guard let there = model.channels[generation] else {
                bytes.append(255)
                continue
            }
            let alive = (there.queue + deliveries(model, generation)).map(\.acceptance).sorted()
            ranks[generation] = Dictionary(
                zip(alive, 0...UInt8(alive.count)), uniquingKeysWith: { first, _ in first })
            bytes += [there.isClosed ? 1 : 0, there.capacity.map { UInt8(clamping: $0 + 1) } ?? 254]
            write(there.queue, ranks[generation] ?? [:], model, &bytes)
        }
        for session in sessions {
            for channel in order {
                guard let handle = model.sessions[session]?.handles[UInt32(channel)] else {
                    bytes.append(255)
                    continue
                }
                bytes += [handle.isOpen ? 1 : 0, handle.role.rawValue]
                let held = handle.deliveries.sorted { $0.key < $1.key }.map(\.value)
                write(held, ranks[handle.channel] ?? [:], model, &bytes)
            }
        }
        for operation in model.waiting {
            let session = sessions.firstIndex(of: operation.key.session) ?? 99
            bytes += [
                UInt8(session), UInt8(operation.cases.count), UInt8(clamping: operation.limit),
                UInt8(clamping: operation.accepted), operation.isSelect ? 1 : 0,
                operation.credit.map { UInt8(clamping: $0.limit) } ?? 0,
                operation.deadline.map { UInt8(clamping: $0 - model.now) } ?? 255,
            ]
            for one in operation.cases {
                bytes += [
                    place[one.channel] ?? 99, one.isSend ? 1 : 0, UInt8(clamping: one.messages.count),
                    one.untilDrained ? 1 : 0,
                ]
            }
        }
        return bytes
    }

    private func deliveries(_ model: ModelBroker, _ channel: UInt64) -> [ModelMessage] {
        model.sessions.values.flatMap { session in
            session.handles.values.filter { $0.channel == channel }.flatMap { $0.deliveries.values }
        }
    }

    private func write(
        _ messages: [ModelMessage], _ ranks: [UInt64: UInt8], _ model: ModelBroker, _ bytes: inout [UInt8]
    ) {
        bytes.append(UInt8(clamping: messages.count))
        for message in messages {
            bytes += [
                ranks[message.acceptance] ?? 99, UInt8(clamping: min(message.attempts, 2)),
                message.redelivered ? 1 : 0, place(ofCredit: message.credit, model),
            ]
        }
    }

    /// Where the receive waits by whose credit a message is ahead; 99 once that is over.
    private func place(ofCredit credit: UInt64?, _ model: ModelBroker) -> UInt8 {
        guard let credit else { return 0 }
        let index = model.waiting.firstIndex { $0.credit?.id == credit }
        return index.map { UInt8(clamping: $0 + 1) } ?? 99
    }
}
