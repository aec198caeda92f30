# shellcheck shell=bash
# A suite of a test's own: PostgreSQL, Redis and the five services in a directory of their own, on ports of their own.
#
#   source suite.sh; suite_start
#   suite_kill <service>      kill -9, for chaos
#   suite_restart <service>   starts it again
#
# Everything that was started is ended when the shell exits.
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
RUN=$(mktemp -d /tmp/embudo-suite.XXXXXX)
chmod 711 "$RUN"
# Below the range from which the kernel gives ports to connections (ip_local_port_range begins at 32768).
PORTS=$((10000 + RANDOM % 21000))
# shellcheck source=tools/lib/common.sh
source "$root/tools/lib/common.sh"
# shellcheck source=tools/lib/postgres.sh
source "$REPO/tools/lib/postgres.sh"
# shellcheck source=tools/lib/redis.sh
source "$REPO/tools/lib/redis.sh"
# shellcheck source=tools/lib/services.sh
source "$REPO/tools/lib/services.sh"
cd "$REPO"
export_targets

# PostgreSQL, Redis and the schemas.
suite_start_servers() {
  mkdir -p "$RUN/logs" "$RUN/pids"
  postgres_start "$RUN/postgres" test
  postgres_psql "$RUN/postgres" --dbname=postgres --command="CREATE DATABASE embudo"
  postgres_psql "$RUN/postgres" --dbname=embudo --file=deploy/postgres/roles.sql >/dev/null
  EMBUDO_POSTGRES="$(postgres_conninfo "$RUN/postgres") dbname=embudo"
  if [[ -z ${EMBUDO_REDIS:-} ]]; then
    redis_start "$RUN/redis"
    EMBUDO_REDIS=$(redis_socket "$RUN/redis")
  fi
  export EMBUDO_POSTGRES EMBUDO_REDIS
  "$BUILD/bin/embudo-migrate" >"$RUN/logs/migrate.log" 2>&1 ||
    die "the migrations failed: $(tail -3 "$RUN/logs/migrate.log")"
}

suite_start() {
  local service
  suite_start_servers
  for service in "${SERVICES[@]}"; do start_service "$service"; done
  for service in "${SERVICES[@]}"; do wait_for_service "$service"; done
}

suite_kill() {
  local pid
  pid=$(service_pid "$1")
  [[ -n $pid ]] || die "$1 does not run"
  disown "$pid" 2>/dev/null || true  # else bash reports the death
  kill -KILL "$pid"
  wait_until 10 process_gone "$pid"
  rm -f "$RUN/pids/$1"
}

suite_restart() {
  start_service "$1"
  wait_for_service "$1"
}

suite_kill_redis() {
  kill -KILL "$(cat "$RUN/redis/redis.pid")"
  wait_until 10 redis_gone_for_good
}
redis_gone_for_good() { ! redis_ready "$RUN/redis"; }

# kill -9 of the server, which then recovers. Its processes end by themselves, and a new one waits for that.
suite_kill_postgres() {
  local pid
  pid=$(head -1 "$RUN/postgres/data/postmaster.pid")
  kill -KILL "$pid"
  wait_until 10 process_gone "$pid"
  wait_until 60 postgres_starts || die "PostgreSQL does not come back"
}
postgres_starts() { (postgres_start "$RUN/postgres" test) >/dev/null 2>&1; }

# One statement's result, as superuser.
suite_sql() { postgres_psql "$RUN/postgres" --dbname=embudo <<<"$1"; }

# suite_end [exit code]
suite_end() {
  local code=${1:-$?} service
  for service in "${SERVICES[@]}"; do
    local pid
    pid=$(service_pid "$service")
    [[ -n $pid ]] || continue
    disown "$pid" 2>/dev/null || true
    kill -KILL "$pid" 2>/dev/null || true
  done
  redis_stop "$RUN/redis" 2>/dev/null || true
  postgres_stop "$RUN/postgres" 2>/dev/null || true
  if ((code == 0)); then rm -rf "$RUN"; else echo "logs are kept in $RUN/logs"; fi
  exit "$code"
}
trap suite_end EXIT
