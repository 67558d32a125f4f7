# One command each; each sets up what it needs.
#
#   make run      the window
#   make demo     in the terminal: a good release, a bad one, a rollback, on real processes
#   make test     everything that must hold
#   make check    format, lints, types, the house's directions
#   make types    the pages' types, made anew from the list of commands
#   make bench    the figures that the documents quote
#   make fuzz     nonsense for everything that reads what others wrote, a minute each
#   make soak     the same simulations and kills as in the tests, for hours
#   make package  the .deb with the window, the node and the agent (try-package installs it)
#   make screenshots  the README's pictures
#   make cluster  a Kubernetes control plane with demo services, until Ctrl-C
#   make try-cluster  proves that the control plane does what the tests rely on
#   make recordings  what the pages are tested with, recorded from a training ground and a control plane

CARGO ?= cargo
export CARGO_TERM_COLOR ?= auto
types = ui/src/host/generated/index.ts

.PHONY: run demo test check types bench fuzz soak package try-package cluster try-cluster screenshots recordings clean

run:
	@./scripts/tools.sh window
	@./scripts/ui.sh
	@echo "building (a few minutes the first time)"
	$(CARGO) build --quiet --workspace --bins
	@./target/debug/deckwatch

demo:
	@./scripts/tools.sh
	@echo "building (a few minutes the first time)"
	$(CARGO) build --quiet -p deckwatch-ctl
	@./target/debug/deckwatchctl demo

test:
	@./scripts/tools.sh window test
	@./scripts/test.sh

check:
	@./scripts/tools.sh window
	@./scripts/ui.sh
	$(CARGO) fmt --all --check
	$(CARGO) clippy --workspace --all-targets --quiet -- -D warnings
	$(CARGO) test --quiet --workspace --test house
	cd ui && npm run --silent check && npm run --silent format:check

types:
	DECKWATCH_WRITE_TYPES=$(CURDIR)/$(types) $(CARGO) test --quiet --workspace --lib types_are_current

# What the pages are run and tested with when no console stands behind them.
recordings:
	$(CARGO) build --quiet --workspace --bins --examples
	./target/debug/examples/record ./target/debug/deckwatchctl ui/src/host/recorded/recorded.json
	node scripts/record-slos.mjs ./target/debug/deckwatchctl ui/src/host/recorded/slos.json
	node scripts/record-cluster.mjs "$$(./scripts/control-plane.sh)" ./target/debug/deckwatchctl ui/src/host/recorded/cluster.json

bench:
	@./scripts/tools.sh window test
	@./scripts/bench.sh

fuzz:
	@./scripts/tools.sh
	@./scripts/fuzz.sh

soak:
	@./scripts/tools.sh window test
	@./scripts/soak.sh

package:
	@./scripts/package.sh

try-package: package
	@./scripts/try-package.sh

cluster:
	@./scripts/cluster.sh

try-cluster:
	@./scripts/cluster.sh probe

screenshots:
	@./scripts/tools.sh window test
	@./scripts/screenshots.sh

clean:
	$(CARGO) clean
