#!/usr/bin/env bash
# Every figure that the documents quote comes from here, as ratios against a peer or a limit
# measured in the same run. Fails when an aim that is ours to keep is missed, or when something
# could not be measured, and says at the end which and how.
set -uo pipefail
cd "$(dirname "$0")/.."
failed=()

# What is measured, what comes before it, and the command: its end is never silent.
step() {
  local name=$1
  shift
  echo "== $name"
  "$@"
  local status=$?
  if [ "$status" -ne 0 ]; then
    echo "== $name: \`$*\` ended with $status" >&2
    failed+=("$name")
  fi
  return "$status"
}

step "building the program as it is shipped (minutes, the first time)" \
  cargo build --release -p deckwatch-ctl || exit 1
for crate in verdict journal signals; do
  step "$crate" cargo bench --quiet -p "deckwatch-$crate"
done
step platform cargo bench --quiet -p deckwatch-platform --bench proxy
# A real API server, and a peer's controller on it: Go builds each once, and says so.
if command -v go >/dev/null 2>&1; then
  DECKWATCH_CONTROL_PLANE=$(./scripts/control-plane.sh) || failed+=("control plane")
  DECKWATCH_ARGO_ROLLOUTS=$(./scripts/argo-rollouts.sh) || echo "Argo Rollouts is left out" >&2
  export DECKWATCH_CONTROL_PLANE DECKWATCH_ARGO_ROLLOUTS
  step kubernetes cargo bench --quiet -p deckwatch-platform --bench kubernetes
else
  echo "Go is missing (https://go.dev, 1.26 or newer): clusters are not measured." >&2
  failed+=(kubernetes)
fi
# Beside Prometheus itself, which Go builds once.
oracle() {
  DECKWATCH_ORACLE=$(./scripts/oracle.sh) || return
  export DECKWATCH_ORACLE
  cargo bench --quiet -p "deckwatch-$1"
}
step "signals, beside Prometheus" oracle signals
step "alerting, beside Prometheus" oracle alerting
step console cargo bench --quiet -p deckwatch --bench console
step "the empty window" cargo build --release --quiet --example empty_window
step window xvfb-run -a -s "-screen 0 1280x800x24" dbus-run-session -- \
  cargo bench --quiet -p deckwatch --bench window

if [ ${#failed[@]} -gt 0 ]; then
  echo "missed or not measured: ${failed[*]}" >&2
  exit 1
fi
echo "every aim is met"
