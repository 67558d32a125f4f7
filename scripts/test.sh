#!/usr/bin/env bash
# Runs every test, counts what the runners said, and ends with one line of totals.
set -uo pipefail
cd "$(dirname "$0")/.."
log=$(mktemp)
trap 'rm -f "$log"' EXIT

# The tests of the whole console start this program.
cargo build --quiet -p deckwatch-ctl || exit 1
cargo test --workspace --no-fail-fast 2>&1 | tee "$log"
status=${PIPESTATUS[0]}

awk '
  /^test result:/ { for (i = 1; i <= NF; i++) {
      if ($i ~ /^passed/) passed += $(i-1)
      if ($i ~ /^failed/) failed += $(i-1)
      if ($i ~ /^ignored/) skipped += $(i-1) } }
  END { printf "%d passed, %d failed, %d skipped\n", passed, failed, skipped
        exit (passed == 0 || failed > 0) }' "$log"
counted=$?
[ "$status" -eq 0 ] && [ "$counted" -eq 0 ]
