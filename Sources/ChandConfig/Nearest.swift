// SPDX-License-Identifier: Apache-2.0

/// What somebody who mistyped a word most likely meant.
package enum Nearest {
    /// The candidate closest to a word; nil where all of them are too far away to be meant.
    package static func of(_ word: String, among candidates: [String]) -> String? {
        let allowed = max(2, word.utf8.count / 3)
        var best: (candidate: String, distance: Int)?
        for candidate in candidates where abs(candidate.utf8.count - word.utf8.count) <= allowed {
            let distance = distance(word, candidate)
            guard distance <= allowed, distance < best?.distance ?? .max else { continue }
            best = (candidate, distance)
        }
        // A word of two letters is at most two changes away from every other: too far to be meant.
        guard let best, best.distance < max(word.utf8.count, 2) else { return nil }
        return best.candidate
    }

    /// Insertions, deletions, replacements, and neighbours exchanged: what fingers do wrong.
    package static func distance(_ left: String, _ right: String) -> Int {
        let left = Array(left.utf8)
        let right = Array(right.utf8)
        guard !left.isEmpty, !right.isEmpty else { return max(left.count, right.count) }
        var beforeLast: [Int] = []
        var last = Array(0...right.count)
        for i in 1...left.count {
            var row = [i]
            for j in 1...right.count {
                let replaced = last[j - 1] + (left[i - 1] == right[j - 1] ? 0 : 1)
                var best = min(replaced, last[j] + 1, row[j - 1] + 1)
                if i > 1, j > 1, left[i - 1] == right[j - 2], left[i - 2] == right[j - 1] {
                    best = min(best, beforeLast[j - 2] + 1)
                }
                row.append(best)
            }
            beforeLast = last
            last = row
        }
        return last[right.count]
    }
}
