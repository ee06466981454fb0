# SPDX-License-Identifier: Apache-2.0
# make demo, make test: each installs what is missing (apt, where root or sudo allows it) or says what to
# type.

SWIFT ?= swift
# make demo N=1000 goes further.
N ?= 300
# make soak HOURS=8 searches longer.
HOURS ?= 1

export SWIFT

# The shipped programs bring Swift's standard library with them: nothing of Swift need be installed where
# they run.
RELEASE = $(SWIFT) build -c release --static-swift-stdlib --scratch-path .build-rel
PROGRAMS = .build-rel/release

.PHONY: build test test-planted coverage soak demo lint release clean setup
build: setup
	$(SWIFT) build

test: setup
	@Tests/Scripts/run-tests

# Small wrong changes, each of which the tests must notice.
test-planted: setup
	@Tests/Planted/run

coverage: setup
	@Tests/Scripts/coverage

soak: setup
	@Tests/Soak/run $(HOURS)

demo: release
	@$(PROGRAMS)/chanctl run -- $(PROGRAMS)/sieve-processes $(N)

lint:
	@Tests/Scripts/lint

# Only what is shipped or shown: tests' helpers have no place in a release build.
release: setup
	$(RELEASE) --product chand
	$(RELEASE) --product chanctl
	$(RELEASE) --product sieve-processes

clean:
	rm -rf .build .build-rel .build-planted .build-coverage .build-soak

setup:
	@Tests/Scripts/setup
