#!/usr/bin/env bash
# Takes the README's pictures of the real window in the training ground, and keeps them small.
# `DECKWATCH_EVERY=1` takes every view in each theme and at two sizes into target/pictures instead.
set -euo pipefail
cd "$(dirname "$0")/.."

export DECKWATCH_PICTURES=$PWD/target/pictures
if ! command -v convert >/dev/null 2>&1; then
  if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends imagemagick >/dev/null
  else
    echo "Missing: imagemagick. Install it, for instance: sudo apt-get install imagemagick" >&2
    exit 1
  fi
fi
./scripts/ui.sh
cargo build --workspace --bins --quiet
xvfb-run -a -s "-screen 0 1920x1080x24" dbus-run-session -- \
  cargo test --workspace --quiet --test pictures
[ -z "${DECKWATCH_EVERY:-}" ] || exit 0
mkdir -p docs/pictures
for name in rollout emergency; do
  convert "$DECKWATCH_PICTURES/$name.png" -strip -colors 128 -define png:compression-level=9 "PNG8:docs/pictures/$name.png"
done
ls -l docs/pictures
