#!/usr/bin/env bash
# A control plane with demo services, to play with until Ctrl-C: `cluster.sh`. Its folder is
# ${DECKWATCH_CLUSTER:-deckwatch-cluster in the temporary folder}.
# `cluster.sh probe` brings one up in a folder of its own, proves that it does what the tests rely
# on, and that nothing is left when it is killed.
set -euo pipefail
cd "$(dirname "$0")/.."

program=$(./scripts/control-plane.sh)

case ${1:-} in
  probe) folder=$(mktemp -d) ;;
  "") folder=${DECKWATCH_CLUSTER:-${TMPDIR:-/tmp}/deckwatch-cluster-$(id -u)} ;;
  *)
    echo "cluster.sh: \`$1\` is not known" >&2
    exit 2
    ;;
esac

# It ends with this script, however that ends: its standard input is a pipe that only we hold.
coproc plane { exec "$program" up --dir "$folder"; }
# bash forgets these names when the process ends.
pid=$plane_PID
exec {said}<&"${plane[0]}"
takedown() {
  kill "$pid" 2>/dev/null || true
  wait "$pid" 2>/dev/null || true
  if [ "${1:-}" = probe ]; then rm -rf "$folder"; fi
}
trap 'takedown '"${1:-}" EXIT
# To be told to end is how it ends.
trap 'exit 0' INT TERM

read -r -u "$said" line || {
  echo "cluster: did not come up; its logs are in $folder/logs" >&2
  exit 1
}
export KUBECONFIG=${line#ready KUBECONFIG=}

if [ "${1:-}" = probe ]; then
  "$program" probe
  # Killed, it takes its five parts with it.
  [ "$(pgrep -fc -- "$folder/")" = 5 ]
  kill -KILL "$pid"
  wait "$pid" 2>/dev/null || true
  for _ in $(seq 100); do
    pgrep -f -- "$folder/" >/dev/null || { echo "killed: nothing is left"; exit; }
    sleep 0.1
  done
  echo "killed: these are left" >&2
  pgrep -a -f -- "$folder/" >&2
  exit 1
fi

"$program" apply tests/cluster/demo
cat <<TEXT

A cluster with ten simulated nodes is up. In another terminal:

  export KUBECONFIG=$KUBECONFIG
  kubectl -n shop get deployments,statefulsets,services,httproutes,hpa,pdb

Contexts: admin may do everything; driver and viewer have roles in \`shop\`; nobody has none.
Pods are simulated: labels steer them (tests/cluster/README.md). For instance, a crash loop:

  kubectl -n shop label pod -l app=cart deckwatch.test/fault=crash-loop

Ctrl-C takes it down.
TEXT
wait "$pid"
