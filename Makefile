# SPDX-License-Identifier: Apache-2.0
# make demo, make test: each installs what is missing (apt, where root or sudo allows it) or says what to
# type.

SWIFT ?= swift
# make demo N=1000 goes further.
N ?= 300
# make install DESTDIR=/tmp/tree puts everything below that directory instead of /.
PREFIX ?= /usr/local
# make soak HOURS=8 searches longer.
HOURS ?= 1
# make fuzz AMOUNT=3600s fuzzes each target for an hour, AMOUNT=1000000 so often.
AMOUNT ?=

export SWIFT PREFIX DESTDIR

# The shipped programs bring Swift's standard library with them: nothing of Swift need be installed where
# they run.
RELEASE = $(SWIFT) build -c release --static-swift-stdlib --scratch-path .build-rel
PROGRAMS ?= .build-rel/release

.PHONY: build test reproducible test-planted test-sanitize fuzz coverage soak bench guard demo docs lint release release-search install uninstall deb clean setup
build: setup
	$(SWIFT) build

test:
	@Tests/Scripts/setup testing
	@Tests/Scripts/run-tests

# Small wrong changes, each of which the tests must notice.
test-planted: setup
	@Tests/Planted/run

# Hostile bytes on the decoder, the handshake, the configuration and whole sessions; without AMOUNT, ten million or one each, and
# some seconds of each with the address sanitizer.
fuzz: setup
	@Tests/Fuzz/run $(AMOUNT)

# The suite under the address and the thread sanitizer, on builds of their own.
test-sanitize: setup
	@Tests/Sanitize/run

# Two clean builds at different places, compared; some ten minutes.
reproducible: setup
	@Tests/Scripts/check-reproducible

coverage: setup
	@Tests/Scripts/coverage

soak: setup
	@Tests/Soak/run $(HOURS)

# Beside the peers that are installed: docs/benchmarks.md.
bench: release
	@PROGRAMS=$(PROGRAMS) Tests/Peers/bench

# What a message costs, in instructions and allocations; Tests/Guard/check --write where it is meant to change.
guard:
	$(RELEASE) --product chand
	$(RELEASE) --product chand-guard
	@PROGRAMS=$(PROGRAMS) Tests/Guard/check || [ $$? -eq 77 ]

demo: release
	@$(PROGRAMS)/chanctl run -- $(PROGRAMS)/sieve-processes $(N)

# The library's documentation, in docs/api; a warning is an error.
docs: setup
	CHAND_DOCS=1 $(SWIFT) package --scratch-path .build-docs --allow-writing-to-directory docs/api \
	    generate-documentation --target Channels --warnings-as-errors --disable-indexing --output-path docs/api

lint:
	@Tests/Scripts/lint

# Only what is shipped or shown: tests' helpers have no place in a release build.
release: setup
	$(RELEASE) --product chand
	$(RELEASE) --product chanctl
	$(RELEASE) --product sieve-processes

# What "make release" built: whoever installs as root need not build as root.
install:
	@packaging/install install

uninstall:
	@packaging/install uninstall

# A package for Debian and Ubuntu, in .build-deb.
deb: release
	@Tests/Scripts/setup packaging
	@packaging/build-deb

# What SearchTests run.
release-search:
	$(RELEASE) --product chand-search

clean:
	rm -rf .build .build-rel .build-deb .build-fuzz .build-planted .build-coverage .build-soak .build-bench .build-docs .build-asan .build-tsan Tests/Traits/.build

setup:
	@Tests/Scripts/setup
