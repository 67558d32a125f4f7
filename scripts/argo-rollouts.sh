#!/usr/bin/env bash
# Prints the path of Argo Rollouts' controller, a peer that `make bench` measures beside, and builds
# it first when the cache does not have it for these sources. Its definitions lie in `crds` beside it.
set -euo pipefail
cd "$(dirname "$0")/../tests/cluster/argo-rollouts"

tell() { echo "argo-rollouts: $*" >&2; }

hash=$(cat go.mod go.sum | sha256sum | cut -c 1-16)
cache=${DECKWATCH_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/deckwatch}/argo-rollouts
home=$cache/$hash
program=$home/rollouts-controller

if [ ! -x "$program" ]; then
  command -v go >/dev/null 2>&1 || {
    tell "Go is missing (https://go.dev)"
    exit 1
  }
  mkdir -p "$cache"
  # One builds, whoever else comes waits for it. The lock ends with this process.
  exec 9>"$cache/lock"
  flock 9
fi
if [ ! -x "$program" ]; then
  began=$SECONDS
  tell "building the controller, once (about 4 minutes on two cores)"
  rm -rf "$cache"/building.*
  half=$cache/building.$$
  mkdir "$half"
  trap 'rm -rf "$half"' EXIT
  CGO_ENABLED=0 go build -trimpath -ldflags "-s -w" -o "$half/rollouts-controller" \
    github.com/argoproj/argo-rollouts/cmd/rollouts-controller >&2 9>&-
  mkdir "$half/crds"
  cp "$(go list -m -f '{{.Dir}}' github.com/argoproj/argo-rollouts)"/manifests/crds/*-crd.yaml "$half/crds/"
  chmod -R u+w "$half"
  mv "$half" "$home"
  tell "built in $((SECONDS - began)) s"
  find "$cache" -mindepth 1 -maxdepth 1 -type d -mtime +30 ! -name "$hash" -exec rm -rf {} +
fi
touch "$home" 2>/dev/null || true
echo "$program"
