#!/usr/bin/env bash
# Prints the path of the test control plane's program (tests/cluster/README.md). Builds it when the
# cache does not have it, once for each state of its sources, and says so while it does.
set -euo pipefail
cd "$(dirname "$0")/../tests/cluster/control-plane"

tell() { echo "control plane: $*" >&2; }

# What the version says of itself: clients read it.
kubernetes=$(awk '$1 == "k8s.io/kubernetes" { print $2 }' go.mod)
build=(go build -trimpath -ldflags "-s -w -X k8s.io/component-base/version.gitVersion=$kubernetes")

hash=$(cat go.mod go.sum ./*.go stages.yaml | sha256sum | cut -c 1-16)
cache=${DECKWATCH_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/deckwatch}/control-plane
home=$cache/$hash
program=$home/control-plane

if [ ! -x "$program" ]; then
  if ! command -v go >/dev/null 2>&1; then
    cat >&2 <<TEXT
Go is missing: the tests' control plane is built with it, version $(awk '$1 == "go" { print $2 }' go.mod) or newer.
  Debian 13, Ubuntu 24.04 and later:  sudo apt-get install golang-go
                                      (an older one than needed fetches the rest by itself)
  anywhere:                           https://go.dev/dl
TEXT
    exit 1
  fi
  # Reading go.mod is enough for go to say that it is too old, or to fetch the version asked for.
  if ! said=$(go list -m 2>&1); then
    tell "$said"
    tell "a newer Go is needed (https://go.dev/dl), or one that may fetch it: go env -w GOTOOLCHAIN=auto"
    exit 1
  fi
  mkdir -p "$cache"
  # One builds, whoever else comes waits for it. The lock ends with this process.
  exec 9>"$cache/lock"
  if ! flock -n 9; then
    tell "another build is under way; waiting for it"
    flock 9
  fi
fi

if [ ! -x "$program" ]; then
  began=$SECONDS
  tell "building Kubernetes $kubernetes, once (about 15 minutes on two cores; its compiler's cache makes later builds short)"
  # What a killed build left behind; nobody else is here.
  rm -rf "$cache"/building.*
  half=$cache/building.$$
  mkdir "$half"
  # The build and the clock do not inherit the lock, so that neither outlives this script with it;
  # `$$` is the script itself, in the clock too.
  (while sleep 30 && kill -0 $$ 2>/dev/null; do tell "still building, $((SECONDS - began)) s"; done) 9>&- &
  clock=$!
  # In the background, so that being told to end does not wait for it.
  CGO_ENABLED=0 "${build[@]}" -o "$half/control-plane" . >&2 9>&- &
  compiler=$!
  trap 'kill "$clock" "$compiler" 2>/dev/null || true; rm -rf "$half"' EXIT
  trap 'exit 130' INT TERM
  wait "$compiler"
  gateway=$(go list -m -f '{{.Dir}}' sigs.k8s.io/gateway-api)
  mkdir "$half/gateway-api"
  cp "$gateway"/config/crd/standard/*.yaml "$half/gateway-api/"
  chmod -R u+w "$half"
  mv "$half" "$home"
  tell "built in $((SECONDS - began)) s ($(du -h "$program" | cut -f 1))"
  # Programs of other states of the sources, unused for a month.
  find "$cache" -mindepth 1 -maxdepth 1 -type d -mtime +30 ! -name "$hash" -exec rm -rf {} +
fi
# How long it has been unused is told by this folder's time.
touch "$home" 2>/dev/null || true
echo "$program"
