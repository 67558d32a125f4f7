#!/usr/bin/env bash
# Feeds the parsers nonsense, each for DECKWATCH_FUZZ seconds (60), from the corpora that are kept.
# What it finds lies in fuzz/artifacts. Without a sanitizer, so that it runs on stable Rust.
set -euo pipefail
cd "$(dirname "$0")/.."
seconds=${DECKWATCH_FUZZ:-60}
command -v cargo-fuzz >/dev/null || cargo install --locked --quiet cargo-fuzz
seed() { # TARGET FILE...: what ships is where it begins
  mkdir -p "fuzz/corpus/$1"
  for file in "${@:2}"; do cp -n "$file" "fuzz/corpus/$1/$(basename "$file")" || true; done
}
seed plan src-tauri/crates/rollout/presets/*.yaml
targets=${*:-plan definition metrics orders journal}
for target in $targets; do
  echo "== $target, $seconds s"
  mkdir -p "fuzz/corpus/$target"
  cargo fuzz run -s none "$target" -- -max_total_time="$seconds" -rss_limit_mb=2048 -max_len=16384 -verbosity=0
  # Kept small: only what reaches further than the rest.
  cargo fuzz cmin -s none "$target" -- -verbosity=0
done
