#!/usr/bin/env bash
# The simulations and kills of the tests, many times over. Hours; stop it whenever you like.
set -euo pipefail
cd "$(dirname "$0")/.."
export DECKWATCH_SCHEDULES=${DECKWATCH_SCHEDULES:-1000000}
export DECKWATCH_KILLS=${DECKWATCH_KILLS:-2000}
echo "== $DECKWATCH_SCHEDULES schedules of the engine's simulation"
cargo test --release -p deckwatch-rollout --test simulation -- --nocapture
echo "== $DECKWATCH_KILLS kills during real rollouts"
cargo build --quiet --release -p deckwatch-ctl
DECKWATCH_PROGRAM=$PWD/target/release/deckwatchctl \
  cargo test --release -p deckwatch --test whole -- --nocapture kills::kills_lose
DECKWATCH_CLUSTER_ROLLOUTS=${DECKWATCH_CLUSTER_ROLLOUTS:-100}
export DECKWATCH_CLUSTER_ROLLOUTS
echo "== kills during $DECKWATCH_CLUSTER_ROLLOUTS rollouts in a cluster"
DECKWATCH_CONTROL_PLANE=$(./scripts/control-plane.sh)
export DECKWATCH_CONTROL_PLANE DECKWATCH_CONTROL_PLANE_NEEDED=1
DECKWATCH_PROGRAM=$PWD/target/release/deckwatchctl \
  cargo test --release -p deckwatch --test whole -- --nocapture kills_in_a_cluster
echo "== a kill after every fact of every strategy"
DECKWATCH_POINTS=all DECKWATCH_PROGRAM=$PWD/target/release/deckwatchctl \
  cargo test --release -p deckwatch --test whole -- --nocapture points
export DECKWATCH_SAMPLES=${DECKWATCH_SAMPLES:-10000000}
export DECKWATCH_SAMPLE_KILLS=${DECKWATCH_SAMPLE_KILLS:-20}
echo "== $DECKWATCH_SAMPLES samples stored, the writer killed $DECKWATCH_SAMPLE_KILLS times"
cargo test --release -p deckwatch-signals --test signals -- --nocapture kills
echo "== nonsense for everything that reads what others wrote"
DECKWATCH_FUZZ=${DECKWATCH_FUZZ:-600} ./scripts/fuzz.sh
echo "== the window looks at a thousand live services"
./scripts/ui.sh
export DECKWATCH_SOAK_MINUTES=${DECKWATCH_SOAK_MINUTES:-10}
cargo build --quiet --release --workspace --bins
xvfb-run -a -s "-screen 0 1280x800x24" dbus-run-session -- \
  cargo bench --quiet -p deckwatch --bench window
