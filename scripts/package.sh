#!/usr/bin/env bash
# Builds the package of this system: on Linux a .deb with the window, the node and the agent.
# `DECKWATCH_PROFILE=debug` packs the programs of development: to try the packaging, not to ship.
set -euo pipefail
cd "$(dirname "$0")/.."

# What puts programs into packages; it stays out of what the pages install.
cli_version=2
cli=target/packaging

./scripts/tools.sh window
./scripts/ui.sh
if [ ! -x $cli/node_modules/.bin/tauri ]; then
  echo "installing the packager"
  npm install --silent --no-audit --no-fund --no-save --prefix $cli "@tauri-apps/cli@$cli_version"
fi
profile=${DECKWATCH_PROFILE:-release}
more=()
if [ "$profile" = release ]; then
  echo "building the programs as they are shipped (ten minutes the first time)"
  cargo build --release --quiet --workspace --bins
else
  cargo build --quiet --workspace --bins
  more=(--debug --config '{"bundle":{"linux":{"deb":{"files":{"/usr/bin/deckwatchctl":"target/debug/deckwatchctl"}}}}}')
fi

case $(uname -s) in
  Linux) kind=deb ;;
  Darwin) kind=dmg ;;
  *)
    echo "no package is made on this system: the local platform needs Unix" >&2
    exit 1
    ;;
esac
$cli/node_modules/.bin/tauri bundle --bundles $kind "${more[@]}"
ls -t "target/$profile/bundle/$kind"/*."$kind" | head -n 1
