#!/usr/bin/env bash
# Makes sure that what is needed is here, by what it is needed for: `tools.sh [window] [test]`.
# Installs Debian packages where it may; says clearly what is missing otherwise.
set -euo pipefail

need_rust=1.94
need_node=20.19

older() { [ "$(printf '%s\n%s\n' "$1" "$2" | sort -V | head -n 1)" != "$1" ]; }

if ! command -v cargo >/dev/null 2>&1; then
  echo "Rust is missing. Install it with rustup (https://rustup.rs), version $need_rust or newer." >&2
  exit 1
fi
have=$(rustc --version | awk '{print $2}')
if older "$need_rust" "$have"; then
  echo "Rust $have is too old: $need_rust or newer is needed (rustup update)." >&2
  exit 1
fi

missing=()
needs() { # package, then what must succeed when it is there
  local package=$1
  shift
  "$@" >/dev/null 2>&1 || missing+=("$package")
}
needs gcc command -v cc
needs libc6-dev test -e /usr/include/stdlib.h
needs make command -v make

for part in "$@"; do
  case $part in
    window)
      if ! command -v node >/dev/null 2>&1 || ! command -v npm >/dev/null 2>&1; then
        echo "Node is missing: $need_node or newer is needed (https://nodejs.org)." >&2
        exit 1
      fi
      have=$(node --version | tr -d v)
      if older "$need_node" "$have"; then
        echo "Node $have is too old: $need_node or newer is needed." >&2
        exit 1
      fi
      needs pkg-config command -v pkg-config
      needs libwebkit2gtk-4.1-dev pkg-config --exists webkit2gtk-4.1
      needs libgtk-3-dev pkg-config --exists gtk+-3.0
      needs librsvg2-dev pkg-config --exists librsvg-2.0
      needs libayatana-appindicator3-dev pkg-config --exists ayatana-appindicator3-0.1
      needs fonts-dejavu-core test -e /usr/share/fonts/truetype/dejavu
      ;;
    test)
      needs webkit2gtk-driver command -v WebKitWebDriver
      needs xvfb command -v xvfb-run
      needs xauth command -v xauth
      needs dbus command -v dbus-run-session
      needs gnome-keyring command -v gnome-keyring-daemon
      needs procps command -v pgrep
      needs prometheus command -v prometheus
      ;;
    *)
      echo "tools.sh: \`$part\` is not known" >&2
      exit 2
      ;;
  esac
done

if [ ${#missing[@]} -gt 0 ]; then
  if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
    echo "installing: ${missing[*]}"
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
  else
    echo "Missing: ${missing[*]}. Install them, for instance: sudo apt-get install ${missing[*]}" >&2
    exit 1
  fi
fi
