#!/usr/bin/env bash
# Every figure that the documents quote comes from here, as ratios against a peer or a limit
# measured in the same run. Fails when an aim that is ours to keep is missed.
set -uo pipefail
cd "$(dirname "$0")/.."
failed=0
cargo build --quiet --release -p deckwatch-ctl || exit 1
for crate in verdict journal platform; do
  echo "== $crate"
  cargo bench --quiet -p "deckwatch-$crate" || failed=1
done
echo "== console"
cargo bench --quiet -p deckwatch --bench console || failed=1
exit $failed
