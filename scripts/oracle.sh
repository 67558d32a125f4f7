#!/usr/bin/env bash
# Prints the path of the program around Prometheus' own engine and storage (tests/oracle). Builds it
# when the cache does not have it, once for each state of its sources, and says so.
set -euo pipefail
cd "$(dirname "$0")/../tests/oracle"

tell() { echo "oracle: $*" >&2; }

hash=$(cat go.mod go.sum ./*.go | sha256sum | cut -c 1-16)
cache=${DECKWATCH_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/deckwatch}/oracle
program=$cache/$hash/oracle

if [ ! -x "$program" ]; then
  if ! command -v go >/dev/null 2>&1; then
    tell "Go is missing (https://go.dev/dl, $(awk '$1 == "go" { print $2 }' go.mod) or newer): Prometheus is built with it"
    exit 1
  fi
  mkdir -p "$cache/$hash"
  # One builds, whoever else comes waits for it. The lock ends with this process.
  exec 9>"$cache/lock"
  flock 9
fi

if [ ! -x "$program" ]; then
  began=$SECONDS
  tell "building Prometheus $(awk '$2 == "github.com/prometheus/prometheus" { print $3 }' go.mod), once (a few minutes)"
  CGO_ENABLED=0 go build -mod=mod -trimpath -ldflags "-s -w" -o "$program.half" . >&2 9>&-
  mv "$program.half" "$program"
  tell "built in $((SECONDS - began)) s"
  # Programs of other states of the sources, unused for a month.
  find "$cache" -mindepth 1 -maxdepth 1 -type d -mtime +30 ! -name "$hash" -exec rm -rf {} +
fi
touch "$cache/$hash" 2>/dev/null || true
echo "$program"
