#!/usr/bin/env bash
# Installs the .deb on this machine, opens the window from it, opens its training ground, and
# removes it again; says what is left behind. Needs root.
set -euo pipefail
cd "$(dirname "$0")/.."

fail() {
  echo "the package: $*" >&2
  exit 1
}
[ "$(id -u)" = 0 ] || fail "trying it needs root"
deb=$(ls -t "target/${DECKWATCH_PROFILE:-release}"/bundle/deb/*.deb 2>/dev/null | head -n 1)
[ -n "$deb" ] || fail "there is none; run make package"
./scripts/tools.sh window test
for part in import identify; do
  command -v $part >/dev/null || apt-get install -y -qq --no-install-recommends imagemagick >/dev/null
done

apt-get install -y -qq --no-install-recommends "./$deb" >/dev/null || fail "it does not install"
files=$(dpkg -L deckwatch | while read -r path; do [ -d "$path" ] || echo "$path"; done)
echo "$files"
for wanted in /usr/bin/deckwatch /usr/bin/deckwatchctl /usr/share/applications/ /usr/share/icons/; do
  grep -q "^$wanted" <<<"$files" || fail "nothing of it lies in $wanted"
done
entry=$(grep '\.desktop$' <<<"$files")
grep -q '^Exec=deckwatch %u$' "$entry" || fail "the desktop entry starts something else: $(cat "$entry")"
deckwatchctl --version || fail "the agent does not start"

data=$(mktemp -d)
shot=target/package.png
cat >"$data/look.sh" <<'LOOK'
set -e
DECKWATCH_DATA=$1/d deckwatch &
window=$!
for _ in $(seq 100); do
  [ -S "$1/d/window.sock" ] && break
  sleep 0.1
done
sleep 4
kill -0 $window
import -window root "$2"
kill $window
wait $window || true
LOOK
xvfb-run -a -s "-screen 0 1280x800x24" dbus-run-session -- bash "$data/look.sh" "$data" "$shot" ||
  fail "the window does not stay open"
colours=$(identify -format '%k' "$shot")
[ "$colours" -gt 20 ] || fail "the window is empty ($colours colours; see $shot)"

apt-get remove -y -qq deckwatch >/dev/null || fail "it cannot be removed"
while read -r path; do
  [ ! -e "$path" ] || fail "$path is left behind"
done <<<"$files"
rm -rf "$data"
echo "the package installs, opens ($shot), and leaves nothing behind"
