#!/usr/bin/env bash
# Builds the package of this system: on Linux a .deb with the window, the node and the agent.
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
echo "building the programs as they are shipped (ten minutes the first time)"
cargo build --release --quiet --workspace --bins

case $(uname -s) in
  Linux) kind=deb ;;
  Darwin) kind=dmg ;;
  *)
    echo "no package is made on this system: the local platform needs Unix" >&2
    exit 1
    ;;
esac
$cli/node_modules/.bin/tauri bundle --bundles $kind
find target/release/bundle/$kind -name "*.$kind" -newer target/release/deckwatch
