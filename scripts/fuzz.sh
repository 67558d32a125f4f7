#!/usr/bin/env bash
# Feeds whatever reads what others wrote with nonsense, each target for DECKWATCH_FUZZ seconds (60):
# `fuzz.sh [TARGET...]`. It begins with fuzz/corpus and with what earlier runs here have reached
# (fuzz/target/reached); what fails lies in fuzz/artifacts. Without a sanitizer, so that it runs on
# stable Rust.
set -euo pipefail
cd "$(dirname "$0")/.."
seconds=${DECKWATCH_FUZZ:-60}
if ! command -v c++ >/dev/null; then
  echo "c++ is missing: the fuzzer is built with it (for instance: apt-get install g++)" >&2
  exit 1
fi
command -v cargo-fuzz >/dev/null || cargo install --locked --quiet cargo-fuzz
targets=("$@")
[ ${#targets[@]} -gt 0 ] || targets=(plan definition metrics chunk promql targets orders journal)

run() { # TARGET
  local reached=$PWD/fuzz/target/reached/$1
  local seeds=("$PWD/fuzz/corpus/$1")
  # What ships is where it begins.
  [ "$1" != plan ] || seeds+=("$PWD/src-tauri/crates/rollout/presets")
  mkdir -p "$reached"
  # It also offers a dictionary, which nobody keeps.
  cargo fuzz run -s none "$1" "$reached" "${seeds[@]}" -- -max_total_time="$seconds" \
    -rss_limit_mb=2048 -max_len=16384 -timeout=10 -verbosity=0 -print_funcs=0 -print_final_stats=1 2>&1 |
    { grep -v -e '# Uses:' -e 'ecommended dictionary' || true; }
}

failed=()
for target in "${targets[@]}"; do
  echo "== $target, $seconds s"
  run "$target" || failed+=("$target")
done
if [ ${#failed[@]} -gt 0 ]; then
  echo "failed: ${failed[*]}; what they failed on lies in fuzz/artifacts" >&2
  exit 1
fi
echo "${#targets[@]} passed, 0 failed"
