# shellcheck shell=bash
# What every script here starts with: strict mode, the repository's root, messages, waiting.
set -euo pipefail

REPO=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
export REPO

say() { printf '\033[1m%s\033[0m\n' "$*" >&2; }
note() { printf '  %s\n' "$*" >&2; }
die() {
  printf 'error: %s\n' "$*" >&2
  exit 1
}

# wait_until <seconds> <command...>: polls until the command succeeds; fails when the time is up.
wait_until() {
  local deadline=$((SECONDS + $1))
  shift
  until "$@" >/dev/null 2>&1; do
    ((SECONDS < deadline)) || return 1
    sleep 0.05
  done
}

# socket_dir <dir>: where the unix sockets of a server in <dir> are. A socket's path holds 107 bytes at most, so a deep
# directory gets one of its own under /tmp.
socket_dir() {
  if ((${#1} <= 80)); then
    echo "$1"
  else
    echo "/tmp/embudo-$(id -u)-$(cksum <<<"$1" | cut -d' ' -f1)"
  fi
}
