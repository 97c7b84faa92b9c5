# make build   static binaries in bin/
# make test    unit tests; as root on Debian or Ubuntu also the end-to-end tests
# make soak    1,000 swaps and 200 in place under mixed load; takes an hour (root)
# make faults  everything that can go wrong, done for real; writes docs/faults.md (root)
# make demo    see a docker restart and a swap under the same load (root)
# make bench   edgeman side by side with what people use today (root, about 17 minutes)
# make lint    formatting, vet, staticcheck, rules about imports and sizes
#
# Everything else that is needed is installed on the way, where this may.

GO = $(eval GO := $$(or $$(shell scripts/find-go),$$(error no Go toolchain, see above)))$(GO)
export GOTOOLCHAIN := auto
# A Go that find-go has put elsewhere has to be found by the tests' own builds too.
WITH_GO = PATH="$(dir $(GO)):$$PATH"

VERSION = $(or $(shell git describe --always --dirty --tags 2>/dev/null),unknown)
GOBUILD = CGO_ENABLED=0 $(GO) build -trimpath -ldflags "-s -w -X main.version=$(VERSION)"

# The Debian releases of the end-to-end tests.
RELEASES ?= bookworm trixie forky bullseye
# How many hosts are up at a time. A test waits more than it works: one uses a
# third of a core and 200 MB.
PARALLEL ?= 3

TOOLS      := $(CURDIR)/.tools
GOFUMPT    := $(TOOLS)/gofumpt-v0.12.0
STATICCHECK := $(TOOLS)/staticcheck-v0.8.2

.PHONY: build test unit fuzz integration hosts soak faults demo bench lint clean

build:
	@mkdir -p bin
	$(GOBUILD) -o bin/edgeman ./cmd/edgeman
	$(GOBUILD) -o bin/edgeman-init ./cmd/edgeman-init

ROOT := $(filter 0,$(shell id -u))

# One after the other: unit tests keep every core busy, and with them beside it
# nginx runs out of connections where the end-to-end tests reload it under load.
ifdef ROOT
test: unit fuzz integration
else
test: unit fuzz
	@echo
	@echo "LEFT OUT: the end-to-end tests. They boot throw-away Debian hosts and need root: sudo make test"
endif

# The race detector needs a C compiler.
CC_NEEDS := gcc=gcc\ libc6-dev
unit:
	@if scripts/need $(CC_NEEDS); then set -x; CGO_ENABLED=1 $(GO) test -race -timeout 15m ./...; \
	else echo "unit tests run without the race detector"; set -x; $(GO) test -timeout 15m ./...; fi

# A short look for what the seeds do not cover; FUZZTIME=10m for a long one. A
# find is kept as a seed and fails again; a worker that was merely slow to stop
# at the end, which go test calls a failure too, leaves none.
FUZZTIME ?= 15s
fuzz:
	$(GO) test -run '^$$' -fuzz FuzzParse -fuzztime $(FUZZTIME) ./nginxconf/internal/tree || $(GO) test -run FuzzParse ./nginxconf/internal/tree
	$(GO) test -run '^$$' -fuzz FuzzPlan -fuzztime $(FUZZTIME) ./nginxconf || $(GO) test -run FuzzPlan ./nginxconf

HOST_NEEDS := debootstrap=debootstrap systemd-nspawn=systemd-container nsenter=util-linux mount=mount journalctl=systemd \
	/usr/share/keyrings/debian-archive-keyring.gpg=debian-archive-keyring

# Prints on stdout the releases that can be tested.
hosts:
	@scripts/need $(HOST_NEEDS)
	@$(GO) run ./integration/cmd/testhost build $(RELEASES)

integration: build
	@scripts/need $(HOST_NEEDS)
	@releases=$$($(GO) run ./integration/cmd/testhost build $(RELEASES)) && \
	echo "end-to-end tests on $$(echo $$releases)" && \
	$(WITH_GO) EDGEMAN_RELEASES="$$releases" $(GO) test -tags integration -count=1 -timeout 60m -parallel $(PARALLEL) $(TESTFLAGS) ./integration && \
	for r in $(RELEASES); do case " $$(echo $$releases) " in *" $$r "*) ;; \
	*) echo "NOT TESTED: $$r, its host could not be built (see above)";; esac; done

SOAK_SWAPS ?= 1000
SOAK_STOP_FIRST ?= 200

soak: build
	@scripts/need $(HOST_NEEDS)
	@release=$$($(GO) run ./integration/cmd/testhost build $(firstword $(RELEASES))) && \
	$(WITH_GO) EDGEMAN_RELEASES="$$release" SOAK_SWAPS=$(SOAK_SWAPS) SOAK_STOP_FIRST=$(SOAK_STOP_FIRST) \
	$(GO) test -tags integration -count=1 -timeout 6h -v -run '^TestSoak$$' $(TESTFLAGS) ./integration

# The fault matrix, about half an hour; FAULTS selects rows, as a regular
# expression for go test: FAULTS='proxy/The_disk'.
FAULTS ?= .
faults: build
	@scripts/need $(HOST_NEEDS)
	$(WITH_GO) EDGEMAN_RELEASES="$(firstword $(RELEASES))" $(GO) test -tags 'integration faults' -count=1 -timeout 120m -run 'TestFaults/$(FAULTS)' -v ./integration

demo: build
	@scripts/need $(HOST_NEEDS)
	@$(WITH_GO) $(GO) run ./integration/cmd/demo

# BENCH="throughput swap cost commands" chooses parts, BENCHFLAGS=-quick makes it short.
BENCH ?= throughput swap cost commands
bench: build
	@scripts/need $(HOST_NEEDS)
	@$(WITH_GO) $(GO) run ./integration/cmd/bench -parts "$(BENCH)" $(BENCHFLAGS)

lint: $(GOFUMPT) $(STATICCHECK)
	@echo gofumpt; out=$$($(GOFUMPT) -l .) && test -z "$$out" || { echo "not formatted:"; echo "$$out"; exit 1; }
	$(GO) vet ./...
	$(GO) vet -tags 'integration faults' ./...
	$(WITH_GO) $(STATICCHECK) ./...
	$(WITH_GO) $(STATICCHECK) -tags integration,faults ./integration/...
	$(WITH_GO) $(GO) test -count=1 -run 'TestImportRules|TestLimits|TestLookingChangesNothing' ./integration

$(GOFUMPT):
	GOBIN=$(TOOLS)/new $(GO) install mvdan.cc/gofumpt@v0.12.0 && mv $(TOOLS)/new/gofumpt $@

$(STATICCHECK):
	GOBIN=$(TOOLS)/new $(GO) install honnef.co/go/tools/cmd/staticcheck@v0.8.2 && mv $(TOOLS)/new/staticcheck $@

clean:
	rm -rf bin .tools
