# One command each; each sets up what it needs.
#
#   make run      the demo: a good release, a bad one, a rollback, on real processes
#   make test     everything that must hold
#   make check    format, lints, the house's directions
#   make bench    the figures that the documents quote
#   make soak     the same simulations and kills as in the tests, for hours

CARGO ?= cargo
export CARGO_TERM_COLOR ?= auto

.PHONY: run demo test check bench soak tools clean

run: demo

demo: tools
	@echo "building (a few minutes the first time)"
	$(CARGO) build --quiet -p deckwatch-ctl
	@./target/debug/deckwatchctl demo

test: tools
	@./scripts/test.sh

check: tools
	$(CARGO) fmt --all --check
	$(CARGO) clippy --workspace --all-targets --quiet -- -D warnings
	$(CARGO) test --quiet -p deckwatch --test house

bench: tools
	@./scripts/bench.sh

soak: tools
	@./scripts/soak.sh

tools:
	@./scripts/tools.sh

clean:
	$(CARGO) clean
