// SPDX-License-Identifier: Apache-2.0

import ChanTestSupport
import Testing

@testable import ChanCore

/// The broker's containers against plain ones.
@Suite struct TableTests {
    /// Counts itself, to see what a table frees.
    private final class Token {
        let body: Int
        let freed: (Int) -> Void
        init(_ body: Int, _ freed: @escaping (Int) -> Void) {
            self.body = body
            self.freed = freed
        }
        deinit { freed(body) }
    }

    @Test("SlotTable: indexes last for life, free slots are used again", arguments: 0..<10 as Range<UInt64>)
    func slotTable(seed: UInt64) {
        var random = SeededRandom(seed: seed)
        var freed: [Int] = []
        var expected: [UInt32: Int] = [:]
        do {
            var table = SlotTable<Token>()
            var most = 0
            for body in 0..<2000 {
                if random.chance(52) || expected.isEmpty {
                    let index = table.insert(Token(body) { freed.append($0) })
                    #expect(expected.updateValue(body, forKey: index) == nil)
                    most = max(most, expected.count)
                } else if let index = random.pick(expected.keys.sorted()) {
                    let removed = table.remove(index).body
                    #expect(expected.removeValue(forKey: index) == removed)
                    #expect(freed.last == removed)
                    let isThere = table.contains(index)
                    #expect(!isThere)
                }
                let count = table.count
                #expect(count == expected.count)
            }
            let highWater = table.highWater
            #expect(highWater == UInt32(most))
            for index in [none] + Array(0..<highWater + 3) {
                let there = table.contains(index) ? table[index].body : nil
                #expect(there == expected[index])
            }
            freed = []
        }
        #expect(freed.sorted() == expected.values.sorted())
    }

    @Test("OperationTable: a dictionary that forgets nothing else", arguments: 0..<10 as Range<UInt64>)
    func operationTable(seed: UInt64) {
        var random = SeededRandom(seed: seed)
        var secrets = RandomSource(seed: seed)
        var table = OperationTable()
        table.scatter(&secrets)
        var expected: [UInt64: UInt32] = [:]
        func key(_ number: UInt64) -> OperationKey {
            OperationKey(session: UInt32(number % 3), request: number / 3)
        }
        for phase in 0..<3 {
            var wrong = 0
            for step in 0..<3000 as Range<UInt32> {
                let number = UInt64(random.below(4500))
                let there = table[key(number)]
                if there != expected[number] ?? none { wrong += 1 }
                if there == none {
                    // The last phase is of those that go.
                    guard phase < 2 || random.chance(5) else { continue }
                    table.insert(step, for: key(number))
                    expected[number] = step
                } else if phase != 0 || random.chance(30) {
                    table.remove(key(number))
                    expected[number] = nil
                }
                if table.count != expected.count { wrong += 1 }
            }
            #expect(wrong == 0)
        }
        for number in 0..<4500 as Range<UInt64> where expected[number] != nil {
            let there = table[key(number)]
            #expect(there == expected[number])
            table.remove(key(number))
        }
        let count = table.count
        #expect(count == 0)
    }

    @Test func anOperationTableGivesBackWhatAStormTook() {
        var secrets = RandomSource(seed: 1)
        var table = OperationTable()
        // Without, they would lie in a row, which each removal would walk along.
        table.scatter(&secrets)
        for request in 0..<20_000 as Range<UInt64> {
            table.insert(UInt32(request), for: OperationKey(session: 1, request: request))
        }
        for request in 0..<20_000 as Range<UInt64> {
            table.remove(OperationKey(session: 1, request: request))
        }
        let places = table.table.mask + 1
        #expect(places <= 4096)
    }

    @Test(
        "NameTable: a dictionary, also of names whose hashes are the same", arguments: 0..<4 as Range<UInt64>)
    func nameTable(seed: UInt64) {
        var random = SeededRandom(seed: seed)
        var channels = SlotTable<Channel>()
        var table = NameTable()
        var expected: [String: UInt32] = [:]
        /// A name's channel, and beside it, in half of the cases, an entry of the same hash that is another's.
        var others: [String: UInt32] = [:]
        func channel(_ name: String) -> Channel {
            Channel(
                name: name, typeTag: nil, generation: 1, capacity: 0, owner: 0, group: 0, mode: 0, account: 0,
                flags: [])
        }
        for _ in 0..<4000 {
            let name = "/uid/0/\(random.below(700))"
            let there = table.channel(name, in: channels)
            #expect(there == expected[name])
            if let there {
                table.remove(there, named: name)
                channels.remove(there).release()
                expected[name] = nil
            } else {
                if others[name] == nil, random.chance(50) {
                    let other = channels.insert(channel("/other\(name)"))
                    table.table.insert(NameTable.Entry(hash: NameTable.hash(name), channel: other))
                    others[name] = other
                }
                let slot = channels.insert(channel(name))
                table.insert(slot, named: name)
                // An earlier generation of the name is gone, which frees nothing.
                table.remove(channels.highWater, named: name)
                expected[name] = slot
            }
            let count = table.count
            #expect(count == expected.count + others.count)
        }
        for slot in 0..<channels.highWater where channels.contains(slot) { channels[slot].release() }
    }

    /// What a window must be: a dictionary.
    private struct PlainWindow {
        var next: UInt64 = 1
        var live: [UInt64: UInt32] = [:]

        mutating func take(_ first: UInt64, _ count: UInt32) -> [UInt32] {
            let numbers = live.keys.filter { $0 >= first && $0 - first < UInt64(count) }.sorted()
            return numbers.compactMap { live.removeValue(forKey: $0) }
        }
    }

    @Test("DeliveryWindow: a dictionary, whatever order settles it", arguments: 0..<24 as Range<UInt64>)
    func deliveryWindow(seed: UInt64) {
        var random = SeededRandom(seed: seed)
        var window = DeliveryWindow()
        var plain = PlainWindow()
        // A part of the seeds keeps few alive among many, which is what makes stragglers.
        let keeps = seed % 3 == 0
        for step in 0..<4000 as Range<UInt32> {
            if plain.live.count < 3 || random.chance(keeps ? 50 : 60) {
                #expect(window.append(step) == plain.next)
                plain.live[plain.next] = step
                plain.next += 1
            } else if keeps, random.chance(97) {
                // All but the oldest few.
                let numbers = plain.live.keys.sorted().dropFirst(5)
                guard let number = random.pick(numbers) else { continue }
                #expect(window.take(number) == plain.take(number, 1).first)
            } else {
                let first = UInt64(random.below(Int(plain.next) + 2))
                let count = UInt32(random.below(12))
                var taken: [UInt32] = []
                window.take(first: max(1, first), count: count) { taken.append($0) }
                #expect(taken == plain.take(max(1, first), count))
            }
            #expect(window.live == plain.live.count)
            if step % 97 == 0 {
                #expect(window.snapshot() == plain.live.sorted { $0.key < $1.key }.map(\.value))
            }
        }
        var rest: [UInt32] = []
        window.take(first: 1, count: .max) { rest.append($0) }
        #expect(rest == plain.live.sorted { $0.key < $1.key }.map(\.value))
        #expect(window.live == 0)
        #expect(window.removeAll().isEmpty)
    }

    @Test("DeliveryWindow: one straggler under a stream keeps the ring small")
    func straggler() {
        var window = DeliveryWindow()
        let first = window.append(7)
        for step in 0..<100_000 as Range<UInt32> {
            let number = window.append(step)
            #expect(window.take(number) == step)
            #expect(window.take(number) == nil)
        }
        #expect(window.capacity <= 256)
        #expect(window.live == 1)
        #expect(window.snapshot() == [7])
        #expect(window.take(first) == 7)
        #expect(window.take(first) == nil)
        #expect(window.removeAll().isEmpty)
    }

    @Test(
        "DeliveryWindow: an empty one holds little, however many deliveries it had",
        arguments: [1, 64, 65, 128, 1024])
    func emptied(count: UInt32) {
        var window = DeliveryWindow()
        // The second time it begins with the size that the first one left.
        for _ in 0..<2 {
            let first = window.next
            for step in 0..<count { _ = window.append(step) }
            var taken: [UInt32] = []
            window.take(first: first, count: count) { taken.append($0) }
            #expect(taken == Array(0..<count))
            #expect(window.live == 0)
            #expect(window.capacity <= 64)
        }
        #expect(window.removeAll().isEmpty)
    }

    @Test("DeliveryWindow: stragglers that are over do not pile up, and the others keep their order")
    func stragglersThatAreOver() {
        var window = DeliveryWindow()
        for step in 0..<60_000 as Range<UInt32> {
            let number = window.append(step)
            if number % 60 != 1 {
                #expect(window.take(number) == step)
            } else if number > 600 {
                #expect(window.take(number - 600) == step - 600)
                #expect(window.take(number - 600) == nil)
            }
        }
        #expect(window.live == 10)
        let count = window.stragglers?.count ?? 0
        #expect(count > 0 && count <= 64)
        let rest = (0..<10 as Range<UInt32>).map { 59_400 + 60 * $0 }
        #expect(window.snapshot() == rest)
        var taken: [UInt32] = []
        window.take(first: 1, count: .max) { taken.append($0) }
        #expect(taken == rest)
        let left = window.stragglers?.count ?? 0
        #expect(left == 0)
        #expect(window.removeAll().isEmpty)
    }

    @Test("DeliveryWindow: numbers that were never given out, and the ends of the range")
    func edges() {
        var window = DeliveryWindow()
        for step in 0..<5 as Range<UInt32> { _ = window.append(step) }
        #expect(window.take(0) == nil)
        #expect(window.take(6) == nil)
        #expect(window.take(.max) == nil)
        var taken: [UInt32] = []
        window.take(first: .max, count: .max) { taken.append($0) }
        window.take(first: 3, count: 0) { taken.append($0) }
        #expect(taken.isEmpty)
        window.take(first: 2, count: .max) { taken.append($0) }
        #expect(taken == [1, 2, 3, 4])
        #expect(window.removeAll() == [0])
        #expect(window.append(9) == 6)
        #expect(window.removeAll() == [9])
    }

    @Test("DeliveryWindow: a look shows what a take takes, stragglers too, and leaves it")
    func peek() {
        var window = DeliveryWindow()
        for step in 0..<300 as Range<UInt32> {
            let number = window.append(step)
            if step % 60 != 1 { #expect(window.take(number) == step) }
        }
        #expect(window.stragglers?.isEmpty == false)
        for (first, count) in [(1, 300), (2, 1), (3, 60), (1, 62), (200, .max), (300, 1), (301, 5)]
            as [(UInt64, UInt32)]
        {
            var seen: [UInt32] = []
            window.peek(first: first, count: count) { seen.append($0) }
            let expected = (0..<300 as Range<UInt32>).filter {
                $0 % 60 == 1 && UInt64($0) + 1 >= first && UInt64($0) + 1 - first < UInt64(count)
            }
            #expect(seen == expected)
        }
        #expect(window.removeAll() == [1, 61, 121, 181, 241])
    }

    @Test("RandomSource: the same for the same seed, spread over the range")
    func randomSource() {
        var (one, other) = (RandomSource(seed: 3), RandomSource(seed: 3))
        var counts = [Int](repeating: 0, count: 10)
        for _ in 0..<10_000 {
            let draw = one.below(10)
            #expect(draw == other.below(10))
            counts[Int(draw)] += 1
        }
        #expect(counts.allSatisfy { $0 > 850 && $0 < 1150 })
    }

    @Test(
        "the deadline heap gives back in order of time, whatever is withdrawn",
        arguments: 0..<6 as Range<UInt64>)
    func deadlines(seed: UInt64) throws {
        let scene = scene()
        let port = try scene.single(capacity: 0)
        var random = SeededRandom(seed: seed)
        var waiting: [(request: UInt64, deadline: UInt64)] = []
        var now: UInt64 = 0
        for _ in 0..<300 {
            if random.chance(60) {
                let timeout = UInt64(1 + random.below(40))
                waiting.append((scene.receive(port, timeout: Int64(timeout)), now + timeout))
            } else if random.chance(40), !waiting.isEmpty {
                let gone = waiting.remove(at: random.below(waiting.count))
                scene.cancel(port.session, gone.request)
            } else {
                let step = UInt64(random.below(6))
                now += step
                scene.wait(step)
                let due = waiting.filter { $0.deadline <= now }
                #expect(due.allSatisfy { scene[$0.request] == .failed(.timeout) })
                waiting.removeAll { $0.deadline <= now }
            }
            #expect(waiting.allSatisfy { scene[$0.request] == .waiting })
            #expect(scene.engine.broker.nextDeadline == waiting.map(\.deadline).min())
        }
    }
}
