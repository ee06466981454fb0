// SPDX-License-Identifier: Apache-2.0

import Testing
import chanctl

/// Patterns for names.
@Suite struct GlobTests {
    @Test(arguments: [
        ("jobs", "jobs"), ("j*", "jobs"), ("*", "jobs"), ("j??s", "jobs"), ("[a-k]obs", "jobs"),
        ("**", "a/b/c"),
        ("a/*/c", "a/b/c"), ("a/**", "a/b/c"), ("**/c", "a/b/c"), ("*s", "jobss"), ("[!a]obs", "jobs"),
        ("[^a]obs", "jobs"), ("a[]x]b", "a]b"), ("a[-x]b", "a-b"), ("a[x-]b", "a-b"), ("/pub/*", "/pub/jobs"),
        ("*a*a*a*a*a*b", "aaaaaaaaaaaaaaaaaaaaaaaaaaaab"), ("", ""), ("***", "a/b"), ("[z-a]", "m"),
    ])
    func matches(pattern: String, name: String) throws {
        #expect(try #require(Glob(pattern)).matches(name))
    }

    @Test(arguments: [
        ("jobs", "job"), ("jobs", "jobs2"), ("*", "a/b"), ("a?c", "a/c"), ("a/*", "a/b/c"), ("[a-c]", "d"),
        ("[!a-c]", "b"), ("[!a]", "/"), ("", "a"), ("a", ""), ("?", ""), ("J*", "jobs"),
        ("*a*a*a*a*a*a*a*a*a*b", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"),
    ])
    func differs(pattern: String, name: String) throws {
        #expect(try !#require(Glob(pattern)).matches(name))
    }

    @Test(arguments: ["[", "[a", "a[]", "[!", "[]"])
    func isRefused(pattern: String) {
        #expect(Glob(pattern) == nil)
    }
}
