# shellcheck shell=bash
# A private PostgreSQL in one directory: its data, its log and its unix socket. No TCP, no password; started by root it
# runs as the user postgres, since it refuses root.
#
#   postgres_start <dir> [test]   makes the cluster if there is none, starts it, waits until it answers
#   postgres_run <dir> [test]     the same in the foreground: replaces this process, ends with its parent
#   postgres_stop <dir>           stops it; fine if it does not run
#   postgres_running <dir>        whether it does
#   postgres_standby_start <dir> <standby dir>    a standby that streams from it; its conninfo is postgres_conninfo's
#   postgres_standby_stop <standby dir>           ends it at once
#   postgres_conninfo <dir>       libpq conninfo, without database and user
#   postgres_home <dir>           <dir>, or one under /var/tmp where the user postgres could not reach it (below /root)
#
# The profile `test` gives durability away for speed: the data outlives a killed process but not a power cut.

postgres_bin() {
  local bin
  bin=$(find /usr/lib/postgresql -maxdepth 2 -name bin 2>/dev/null | sort -V | tail -1)
  [[ -x $bin/postgres ]] || die "PostgreSQL is not installed: run tools/setup"
  echo "$bin"
}

# Runs a command as the server's user.
as_postgres() {
  if [[ $(id -u) == 0 ]]; then
    setpriv --reuid=postgres --regid=postgres --init-groups -- "$@"
  else
    "$@"
  fi
}

postgres_settings() {
  cat <<SETTINGS
listen_addresses = ''
unix_socket_directories = '$(socket_dir "$1")'
max_connections = 200
timezone = 'UTC'
log_timezone = 'UTC'
log_line_prefix = '%m [%p] %u@%d %a '

# Measured: throughput as with the defaults, p99 two to four times lower (fewer checkpoints).
shared_buffers = 512MB
wal_buffers = 64MB
wal_compression = on
max_wal_size = 8GB
checkpoint_timeout = 15min

# Small rows by key: planning as if on an SSD, no compiling.
random_page_cost = 1.1
jit = off

# Small hot tables (heads, leases, checkpoints, due rows) are vacuumed before they bloat.
autovacuum_naptime = 5s
autovacuum_vacuum_threshold = 200
autovacuum_vacuum_scale_factor = 0.05
# A sample of a wide table is dear, and of one that has grown by a fifth it says nothing new.
autovacuum_analyze_scale_factor = 0.2
autovacuum_vacuum_cost_delay = 1ms
SETTINGS
  if [[ ${2:-} == test ]]; then
    cat <<SETTINGS
fsync = off
full_page_writes = off
shared_buffers = 128MB
max_wal_size = 1GB
SETTINGS
  fi
}

postgres_home() {
  local parent
  parent=$(dirname "$1")
  while [[ ! -d $parent ]]; do parent=$(dirname "$parent"); done
  if as_postgres test -x "$parent"; then
    echo "$1"
  else
    echo "/var/tmp/embudo-$(cksum <<<"$1" | cut -d' ' -f1)"
  fi
}

# Makes the cluster if there is none, and writes the settings anew.
postgres_prepare() {
  local dir=$1 profile=${2:-} sockets bin
  sockets=$(socket_dir "$dir")
  bin=$(postgres_bin)
  mkdir -p "$dir" "$sockets"
  if [[ $(id -u) == 0 ]]; then
    chown postgres:postgres "$dir" "$sockets"
    as_postgres test -w "$dir" || die "the user postgres cannot reach $dir: move it to where all may enter"
  fi
  chmod 700 "$dir" "$sockets"
  if [[ ! -f $dir/data/PG_VERSION ]]; then
    # Made aside and moved, so that an interrupted initdb leaves nothing half-made.
    as_postgres rm -rf "$dir/data.new"
    (cd / && as_postgres "$bin/initdb" --pgdata="$dir/data.new" --username=postgres --auth-local=trust \
      --auth-host=reject --encoding=UTF8 --locale=C --no-sync --no-instructions >"$dir/initdb.log" 2>&1) ||
      die "initdb failed: see $dir/initdb.log"
    echo "include 'embudo.conf'" >>"$dir/data.new/postgresql.conf"
    mv "$dir/data.new" "$dir/data"
  fi
  postgres_settings "$dir" "$profile" >"$dir/data/embudo.conf"
  # A deep directory finds its sockets by this link too.
  [[ $sockets == "$dir" ]] || ln -sfn "$sockets" "$dir/sockets"
}

postgres_ready() { "$(postgres_bin)/pg_isready" --quiet --host="$(socket_dir "$1")" --username=postgres; }

postgres_running() { [[ -f $1/data/postmaster.pid ]] && postgres_ready "$1"; }

postgres_start() {
  local dir=$1
  postgres_running "$dir" && return
  postgres_prepare "$@"
  (cd / && as_postgres "$(postgres_bin)/pg_ctl" --pgdata="$dir/data" --log="$dir/postgres.log" --wait --timeout=60 \
    --silent start) || die "PostgreSQL did not start: see $dir/postgres.log"
  wait_until 30 postgres_ready "$dir" || die "PostgreSQL does not answer: see $dir/postgres.log"
}

postgres_run() {
  local dir=$1 server
  postgres_prepare "$@"
  server=("$(postgres_bin)/postgres" -D "$dir/data")
  cd /
  if [[ $(id -u) == 0 ]]; then
    exec setpriv --reuid=postgres --regid=postgres --init-groups --pdeathsig=INT -- "${server[@]}"
  fi
  exec "${server[@]}"
}

postgres_standby_start() {
  local primary=$1 dir=$2 bin
  bin=$(postgres_bin)
  install -d -o postgres -g postgres -m 700 "$dir"
  (cd / && as_postgres "$bin/pg_basebackup" --host="$(socket_dir "$primary")" --username=postgres --pgdata="$dir/data" \
    --wal-method=stream --checkpoint=fast --write-recovery-conf) || die "the standby cannot be made"
  postgres_settings "$dir" test >"$dir/data/embudo.conf"
  # A server process of its own; pg_ctl waits until it answers.
  (cd / && as_postgres "$bin/pg_ctl" --pgdata="$dir/data" --log="$dir/postgres.log" --wait --silent start) ||
    die "the standby does not start: $(tail -3 "$dir/postgres.log")"
}

postgres_standby_stop() {
  (cd / && as_postgres "$(postgres_bin)/pg_ctl" --pgdata="$1/data" --mode=immediate --silent stop) \
    >/dev/null 2>&1 || true
}

postgres_stop() {
  local dir=$1
  [[ -f $dir/data/postmaster.pid ]] || return 0
  (cd / && as_postgres "$(postgres_bin)/pg_ctl" --pgdata="$dir/data" --mode=fast --wait --timeout=60 --silent stop) ||
    [[ ! -f $dir/data/postmaster.pid ]] || die "PostgreSQL in $dir does not stop: see $dir/postgres.log"
}

postgres_conninfo() { echo "host=$(socket_dir "$1")"; }

# postgres_psql <dir> <psql arguments...>: as the superuser, stopping at the first error.
postgres_psql() {
  local dir=$1
  shift
  "$(postgres_bin)/psql" --host="$(socket_dir "$dir")" --username=postgres --no-psqlrc --quiet \
    --tuples-only --no-align --set=ON_ERROR_STOP=1 "$@"
}
