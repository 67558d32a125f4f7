#!/usr/bin/env bash
# Makes sure that what the build needs is here: a Rust toolchain and a C compiler for SQLite.
# Installs Debian packages where it may; says clearly what is missing otherwise.
set -euo pipefail

need_rust=1.94

if ! command -v cargo >/dev/null 2>&1; then
  echo "Rust is missing. Install it with rustup (https://rustup.rs), version $need_rust or newer." >&2
  exit 1
fi
have=$(rustc --version | awk '{print $2}')
if [ "$(printf '%s\n%s\n' "$need_rust" "$have" | sort -V | head -n 1)" != "$need_rust" ]; then
  echo "Rust $have is too old: $need_rust or newer is needed (rustup update)." >&2
  exit 1
fi

missing=()
command -v cc >/dev/null 2>&1 || missing+=(gcc libc6-dev)
command -v make >/dev/null 2>&1 || missing+=(make)
if [ ${#missing[@]} -gt 0 ]; then
  if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
    echo "installing: ${missing[*]}"
    apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
  else
    echo "Missing: ${missing[*]}. Install them, for instance: sudo apt-get install ${missing[*]}" >&2
    exit 1
  fi
fi
