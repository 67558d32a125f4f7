#!/usr/bin/env bash
# Runs every test, counts what the runners said, and ends with one line of totals.
set -uo pipefail
cd "$(dirname "$0")/.."
log=$(mktemp)
trap 'rm -f "$log"' EXIT
status=0

./scripts/ui.sh || exit 1
# Clusters are tested on a real control plane: Go builds it once, and says so.
if command -v go >/dev/null 2>&1; then
  DECKWATCH_CONTROL_PLANE=$(./scripts/control-plane.sh) || exit 1
  export DECKWATCH_CONTROL_PLANE DECKWATCH_CONTROL_PLANE_NEEDED=1
else
  echo "Go is missing (https://go.dev, 1.26 or newer): the tests of clusters are skipped."
fi
export DECKWATCH_KEYCHAIN_NEEDED=1
# The tests of the whole console and of the window start these programs. All targets, as the tests
# are: with fewer, other features are asked of what others wrote, and all of it is built again.
cargo build --workspace --all-targets --quiet || exit 1
(cd ui && npm run --silent test) 2>&1 | tee "$log" || status=1
# A display and a bus of its own for each run; both end with it.
xvfb-run -a -s "-screen 0 1920x1080x24" dbus-run-session -- \
  cargo test --workspace --no-fail-fast 2>&1 | tee -a "$log" || status=1

# The pages' runner colours its lines and names skipped tests only when there are some.
sed 's/\x1b\[[0-9;]*m//g' "$log" | awk '
  /^test result:/ { for (i = 1; i <= NF; i++) {
      if ($i ~ /^passed/) passed += $(i-1)
      if ($i ~ /^failed/) failed += $(i-1)
      if ($i ~ /^ignored/) skipped += $(i-1) } }
  /^ *Tests +/ { pages = 1
    for (i = 1; i <= NF; i++) {
      if ($i ~ /^passed/) passed += $(i-1)
      if ($i ~ /^failed/) failed += $(i-1)
      if ($i ~ /^(skipped|todo)/) skipped += $(i-1) } }
  END { printf "%d passed, %d failed, %d skipped\n", passed, failed, skipped
        exit (!pages || passed == 0 || failed > 0) }'
counted=$?
[ "$status" -eq 0 ] && [ "$counted" -eq 0 ]
