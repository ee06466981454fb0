#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Counts test results exactly, from swift-testing's event stream (version 0).

usage: count-results.py EVENTS STATUS [EVENTS STATUS ...]

A pair for each run; STATUS is its exit status. A test counts once, however many arguments it was run with:
failed if anything in it failed or it never ended, skipped if it was disabled or cancelled in all its cases,
else passed. Ends with "N passed, N failed, N skipped"; exits with 0 only if tests passed, none failed and
the process ended well.
"""
import json
import sys


def records(path):
    """The stream's records; a crash may have cut the last one off."""
    with open(path, encoding="utf-8", errors="replace") as stream:
        for line in stream:
            try:
                yield json.loads(line)
            except ValueError:
                continue


class Test:
    """What the stream says about one test function."""

    def __init__(self, name):
        self.name = name
        self.ended = self.failed = self.skipped = False
        self.reason = ""
        self.cases_ended = set()
        self.cases_cancelled = set()

    def hear(self, event):
        kind = event["kind"]
        case = event.get("_testCase", {}).get("id")
        if kind == "testEnded":
            self.ended = True
            self.failed = any(message["symbol"] == "fail" for message in event["messages"])
        elif kind in ("testSkipped", "testCancelled"):
            self.skipped = True
        elif kind == "testCaseEnded":
            self.cases_ended.add(case)
        elif kind == "testCaseCancelled":
            self.cases_cancelled.add(case)
        if kind in ("testSkipped", "testCancelled", "testCaseCancelled"):
            self.reason = "; ".join(event.get("_comments", [])) or self.reason

    def outcome(self):
        if self.failed:
            return "failed"
        if self.skipped or (self.cases_cancelled and self.cases_cancelled >= self.cases_ended):
            return "skipped"
        return "passed" if self.ended else "unfinished"


def read(path, tests):
    """Adds what one run says about its tests; whether it came to its end."""
    run_ended = False
    for record in records(path):
        payload = record.get("payload", {})
        if record.get("kind") == "test" and payload.get("kind") == "function":
            # Without the place in the file, which is part of the identifier.
            tests[payload["id"]] = Test(payload["id"].rsplit("/", 1)[0])
        elif record.get("kind") == "event":
            run_ended = run_ended or payload["kind"] == "runEnded"
            if payload.get("testID") in tests:
                tests[payload["testID"]].hear(payload)
    return run_ended


def main():
    tests, status, run_ended = {}, 0, True
    for path, code in zip(sys.argv[1::2], sys.argv[2::2]):
        run_ended = read(path, tests) and run_ended
        status = status or int(code)

    found = {"passed": [], "failed": [], "skipped": [], "unfinished": []}
    for test in sorted(tests.values(), key=lambda test: test.name):
        found[test.outcome()].append(test)
    print()
    for test in found["skipped"]:
        print(f"skipped: {test.name}: {test.reason or 'no reason given'}")
    for test in found["passed"]:
        if test.cases_cancelled:
            print(f"skipped in part: {test.name}: {test.reason or 'no reason given'}")
    for test in found["failed"]:
        print(f"failed: {test.name}")
    for test in found["unfinished"]:
        print(f"failed: {test.name}: the test process ended before it did")

    failed = len(found["failed"]) + len(found["unfinished"])
    good = status == 0 and failed == 0 and run_ended and bool(found["passed"])
    if not run_ended:
        print(f"the test process ended before the run did: swift test exited with {status}")
    elif status != 0 and failed == 0:
        print(f"swift test exited with {status} though no test failed")
    elif not found["passed"] and failed == 0:
        print("no test ran")
    print(f"{len(found['passed'])} passed, {failed} failed, {len(found['skipped'])} skipped")
    return 0 if good else 1


sys.exit(main())
