# shellcheck shell=bash
# The five services of this machine: started, watched and stopped by pid files under .run/. A test that wants a suite of
# its own sets RUN and PORTS first.

SERVICES=(pipeline capture scoring automation reporting)
RUN=${RUN:-$REPO/.run}
PORTS=${PORTS:-7000}
# The programs: those of the release build, or of the build that tools/test tests.
BUILD=${EMBUDO_BUILD:-$REPO/build}
export EMBUDO=$BUILD/bin/embudo

# Where a service listens: gRPC on 7001 … 7005, metrics and health on 7101 … 7105, in the order of SERVICES; capture's
# forms and webhooks on 7202, the hooks of automation's rules on 7204, reporting's charts on 7205.
grpc_port() { echo $((PORTS + $(service_number "$1"))); }
metrics_port() { echo $((PORTS + 100 + $(service_number "$1"))); }
public_port() { echo $((PORTS + 202)); }
hooks_port() { echo $((PORTS + 204)); }
charts_port() { echo $((PORTS + 205)); }
service_number() {
  local i
  for i in "${!SERVICES[@]}"; do
    if [[ ${SERVICES[i]} == "$1" ]]; then echo $((i + 1)); fi
  done
}

service_binary() { echo "$BUILD/bin/embudo-$1"; }

# Tells this shell's programs (services and embudo) where each service is.
export_targets() {
  local service
  for service in "${SERVICES[@]}"; do
    export "EMBUDO_${service^^}=127.0.0.1:$(grpc_port "$service")"
    export "EMBUDO_${service^^}_LISTEN=127.0.0.1:$(grpc_port "$service")"
    export "EMBUDO_${service^^}_METRICS_LISTEN=127.0.0.1:$(metrics_port "$service")"
  done
  export "EMBUDO_CAPTURE_PUBLIC_HTTP_LISTEN=127.0.0.1:$(public_port)"
  export "EMBUDO_AUTOMATION_HOOK_HTTP_LISTEN=127.0.0.1:$(hooks_port)"
  export "EMBUDO_REPORTING_HTTP_LISTEN=127.0.0.1:$(charts_port)"
  export "EMBUDO_PUBLIC_URI=http://127.0.0.1:$(public_port)"
  export "EMBUDO_CAPTURE_LINK_SECRET_FILE=$RUN/link-secret"
}

# What capture signs links with: made once, so that links outlive a restart.
make_link_secret() {
  [[ -s $RUN/link-secret ]] || (umask 077 && od -An -tx1 -N32 /dev/urandom | tr -d " \n" >"$RUN/link-secret")
}

# The pid of a service that runs; empty if it does not. A pid file of an earlier boot may name another program. The
# command line tells: the link to the program changes when a linker puts a new one in its place.
service_pid() {
  local pid command
  pid=$(cat "$RUN/pids/$1" 2>/dev/null) || return 0
  IFS= read -r -d '' command 2>/dev/null <"/proc/$pid/cmdline" || return 0
  if [[ $command == "$(service_binary "$1")" ]]; then echo "$pid"; fi
}

# Whether it runs the program that was built last.
service_current() {
  local pid
  pid=$(service_pid "$1")
  [[ -n $pid && $(readlink "/proc/$pid/exe") == "$(service_binary "$1")" ]]
}

# http_ok <port> <path>: whether it answers 200.
http_ok() {
  local line=""
  { exec 9<>"/dev/tcp/127.0.0.1/$1"; } 2>/dev/null || return 1
  printf 'GET %s HTTP/1.0\r\nHost: localhost\r\n\r\n' "$2" >&9
  read -r -t 5 line <&9 || true
  exec 9<&-
  [[ $line == *" 200 "* ]]
}

service_ready() { http_ok "$(metrics_port "$1")" /readyz; }

start_service() {
  local service=$1
  service_current "$service" && return
  stop_services "$service"
  mkdir -p "$RUN/logs" "$RUN/pids"
  make_link_secret
  if { : <>"/dev/tcp/127.0.0.1/$(grpc_port "$service")"; } 2>/dev/null; then
    die "port $(grpc_port "$service") of $service is taken by another program (PORTS=17000 would take 17001 and so on)"
  fi
  setsid "$(service_binary "$service")" --dev-identity >>"$RUN/logs/$service.log" 2>&1 </dev/null &
  echo $! >"$RUN/pids/$service"
}

wait_for_service() {
  local service=$1
  wait_until 60 service_ready "$service" && return
  tail -n 15 "$RUN/logs/$service.log" >&2
  die "$service does not become ready: see .run/logs/$service.log"
}

process_gone() { ! kill -0 "$1" 2>/dev/null; }

# stop_services <service...>: SIGTERM to all of them, so that they finish their calls side by side; SIGKILL to one that
# takes longer than half a minute.
stop_services() {
  local service pid
  for service in "$@"; do
    pid=$(service_pid "$service")
    [[ -z $pid ]] || kill -TERM "$pid"
  done
  for service in "$@"; do
    pid=$(service_pid "$service")
    if [[ -n $pid ]]; then wait_until 30 process_gone "$pid" || kill -KILL "$pid"; fi
    rm -f "$RUN/pids/$service"
  done
}
