# shellcheck shell=bash
# A private Redis in one directory: its append-only file, its log and its unix socket. No TCP.
#
#   redis_start <dir>     starts it, waits until it answers
#   redis_run <dir>       the same in the foreground: replaces this process
#   redis_stop <dir>      stops it; fine if it does not run
#   redis_running <dir>   whether it does
#   redis_socket <dir>    the path of its socket

redis_socket() { echo "$(socket_dir "$1")/redis.sock"; }

redis_prepare() {
  local dir=$1
  command -v redis-server >/dev/null || die "Redis is not installed: run tools/setup"
  mkdir -p "$dir" "$(socket_dir "$dir")"
  chmod 700 "$dir"
  cat >"$dir/redis.conf" <<SETTINGS
port 0
unixsocket "$(redis_socket "$dir")"
unixsocketperm 700
dir "$dir"
pidfile "$dir/redis.pid"
logfile "$dir/redis.log"
appendonly yes
appendfsync everysec
save ""
SETTINGS
}

redis_ready() { [[ $(redis-cli -s "$(redis_socket "$1")" ping 2>/dev/null) == PONG ]]; }

redis_running() { [[ -S $(redis_socket "$1") ]] && redis_ready "$1"; }

redis_start() {
  local dir=$1
  redis_running "$dir" && return
  redis_prepare "$dir"
  redis-server "$dir/redis.conf" --daemonize yes >/dev/null
  wait_until 60 redis_ready "$dir" || die "Redis does not answer: see $dir/redis.log"
}

redis_run() {
  redis_prepare "$1"
  exec redis-server "$1/redis.conf"
}

redis_stop() {
  local dir=$1
  redis_running "$dir" || return 0
  redis-cli -s "$(redis_socket "$dir")" shutdown >/dev/null 2>&1 || true
  wait_until 30 redis_gone "$dir" || die "Redis in $dir does not stop: see $dir/redis.log"
}

redis_gone() { ! redis_ready "$1" && [[ ! -f $1/redis.pid ]]; }
