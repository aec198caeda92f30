# shellcheck shell=bash
# shellcheck disable=SC2317  # conditions are called by wait_until
# Several processes of every service, as a cluster runs them, on a suite of a test's own (tests/e2e/suite.sh).
#
#   FLEET=3 source fleet.sh; fleet_start          starts processes 1 to FLEET of every service
#   replica_start <service> <n> [directory]       starts one, of the programs in that directory
#   replica_wait, replica_stop, replica_kill <service> <n>
#   metric <service> <n> <pattern>                the sum of its metrics whose line matches
#   load_start; load_goes_on <calls>; load_stop   calls of a client of the release before; see load.js
#   caught_up                                     whether every consumer has applied all that there is
FLEET=${FLEET:-2}
# shellcheck source=tests/e2e/suite.sh
source "$(dirname "${BASH_SOURCE[0]}")/../e2e/suite.sh"
# shellcheck source=tests/e2e/expect.sh
source "$REPO/tests/e2e/expect.sh"
export EMBUDO_TENANT=fleet

# Process n has the ports of a suite that begins 300 further on.
replica_ports() { echo $((PORTS + 300 * ($1 - 1))); }
replica_grpc() { echo $(($(replica_ports "$2") + $(service_number "$1"))); }
replica_metrics() { echo $(($(replica_ports "$2") + 100 + $(service_number "$1"))); }

# All processes of a service, as a client names them: its calls are shared among those that are there.
fleet_target() {
  local n list=""
  for ((n = 1; n <= FLEET; n++)); do list+=",127.0.0.1:$(replica_grpc "$1" "$n")"; done
  echo "ipv4:${list:1}"
}

fleet_targets() {
  local service
  for service in "${SERVICES[@]}"; do export "EMBUDO_${service^^}=$(fleet_target "$service")"; done
}

replica_pid() { cat "$RUN/pids/$1.$2" 2>/dev/null || true; }

replica_start() {
  local service=$1 n=$2 bin=${3:-$BUILD/bin}
  mkdir -p "$RUN/logs" "$RUN/pids"
  make_link_secret
  env "EMBUDO_${service^^}_LISTEN=127.0.0.1:$(replica_grpc "$service" "$n")" \
    "EMBUDO_${service^^}_METRICS_LISTEN=127.0.0.1:$(replica_metrics "$service" "$n")" \
    "EMBUDO_CAPTURE_PUBLIC_HTTP_LISTEN=127.0.0.1:$(($(replica_ports "$n") + 202))" \
    "EMBUDO_AUTOMATION_HOOK_HTTP_LISTEN=127.0.0.1:$(($(replica_ports "$n") + 204))" \
    "EMBUDO_REPORTING_HTTP_LISTEN=127.0.0.1:$(($(replica_ports "$n") + 205))" \
    setsid "$bin/embudo-$service" --dev-identity >>"$RUN/logs/$service.$n.log" 2>&1 </dev/null &
  echo $! >"$RUN/pids/$service.$n"
}

replica_ready() { http_ok "$(replica_metrics "$1" "$2")" /readyz; }

replica_wait() {
  wait_until 60 replica_ready "$1" "$2" && return
  tail -n 15 "$RUN/logs/$1.$2.log" >&2
  die "$1 $2 does not become ready"
}

# SIGTERM, and its exit code.
replica_stop() {
  local pid code=0
  pid=$(replica_pid "$1" "$2")
  kill -TERM "$pid"
  wait "$pid" || code=$?
  rm -f "$RUN/pids/$1.$2"
  ((code == 0)) || die "$1 $2 ended with $code: $(tail -3 "$RUN/logs/$1.$2.log")"
}

replica_kill() {
  local pid
  pid=$(replica_pid "$1" "$2")
  disown "$pid" 2>/dev/null || true
  kill -KILL "$pid"
  wait_until 10 process_gone "$pid"
  rm -f "$RUN/pids/$1.$2"
}

fleet_start() {
  local service n
  fleet_targets
  for service in "${SERVICES[@]}"; do
    for ((n = 1; n <= FLEET; n++)); do replica_start "$service" "$n"; done
  done
  for service in "${SERVICES[@]}"; do
    for ((n = 1; n <= FLEET; n++)); do replica_wait "$service" "$n"; done
  done
  "$EMBUDO" admin create-tenant "$EMBUDO_TENANT" >/dev/null
}

metric() {
  curl --silent "http://127.0.0.1:$(replica_metrics "$1" "$2")/metrics" |
    awk -v pattern="$3" '$0 ~ "^" pattern { sum += $NF } END { print sum + 0 }'
}

load_start() {
  node "$REPO/tests/operate/load.js" "${EMBUDO_PIPELINE}" "$RUN/load.json" >"$RUN/logs/load.log" 2>&1 &
  load=$!
}

# Ends the load; its figures are in $RUN/load.json, the leads that it was told of in $RUN/leads.
load_stop() {
  kill -TERM "$load"
  wait "$load" || die "the load broke off: $(tail -3 "$RUN/logs/load.log")"
  node -e 'const d = require(process.argv[1]); console.log(d.leads.join("\n"))' "$RUN/load.json" >"$RUN/leads"
}
load_figure() { json "$1" <"$RUN/load.json"; }
# load_goes_on <calls>: waits until so many more calls have been answered well.
load_goes_on() {
  local goal=$(($(load_done) + $1))
  load_has() { (($(load_done) >= goal)); }
  wait_until 60 load_has || die "the load does not go on: $(tail -3 "$RUN/logs/load.log")"
}
load_done() { cat "$RUN/load.json.done" 2>/dev/null || echo 0; }

# Leads that a client was told of and that are not there.
lost_leads() {
  local ids
  ids=$(sed "s/.*\///; s/.*/'&'/" "$RUN/leads" | paste -sd,)
  suite_sql "SELECT count(*) FROM unnest(ARRAY[$ids]::uuid[]) AS told(id)
    WHERE NOT EXISTS (SELECT FROM pipeline.lead WHERE lead_id = told.id)"
}

# Partitions that a consumer has not applied to their end.
behind() {
  local service sql=""
  for service in capture scoring automation reporting; do
    sql+=" UNION ALL SELECT h.partition FROM pipeline.event_head h JOIN $service.consumer_checkpoint c USING (partition)
      WHERE c.position < h.position"
  done
  suite_sql "SELECT count(*) FROM (${sql:11} UNION ALL SELECT partition FROM pipeline.event_pending) AS b"
}
caught_up() { [[ $(behind) == 0 ]]; }
wait_caught_up() { wait_until 60 caught_up || die "$(behind) partitions are not read to their end"; }

dead_letters() {
  suite_sql "SELECT (SELECT count(*) FROM capture.dead_letter) + (SELECT count(*) FROM scoring.dead_letter)
    + (SELECT count(*) FROM automation.dead_letter) + (SELECT count(*) FROM reporting.dead_letter)"
}

# What the figures say, against a recount.
expect_exact_reports() {
  expect "opportunities that reports count" \
    "$(suite_sql "SELECT count(*) FROM pipeline.lead WHERE tenant_id = '$EMBUDO_TENANT'
      AND kind = 'OPPORTUNITY' AND delete_time IS NULL")" \
    "$("$EMBUDO" report key-figures --format json | json opportunities)"
}

fleet_end() {
  local code=$? file
  for file in "$RUN"/pids/*.*; do
    [[ -f $file ]] || continue
    disown "$(cat "$file")" 2>/dev/null || true
    kill -KILL "$(cat "$file")" 2>/dev/null || true
  done
  [[ -z ${load:-} ]] || kill -KILL "$load" 2>/dev/null || true
  suite_end "$code"
}
trap fleet_end EXIT
