# shellcheck shell=bash
# A Redis Cluster of three primaries on this machine, each on a TCP port of loopback.
#
#   redis_cluster_start <dir> <port>   nodes on port, port + 1, port + 2, and their bus 100 further on
#   redis_cluster_stop <dir>
#   redis_cluster_address <port>       what EMBUDO_REDIS takes

redis_cluster_address() { echo "cluster:127.0.0.1:$1,127.0.0.1:$(($1 + 1)),127.0.0.1:$(($1 + 2))"; }

redis_cluster_node_ready() { [[ $(redis-cli -p "$1" ping 2>/dev/null) == PONG ]]; }
redis_cluster_formed() { redis-cli -p "$1" cluster info | grep --quiet cluster_state:ok; }

redis_cluster_start() {
  local dir=$1 first=$2 port
  for ((port = first; port < first + 3; port++)); do
    mkdir -p "$dir/$port"
    redis-server --port "$port" --bind 127.0.0.1 --cluster-enabled yes --cluster-port $((port + 100)) \
      --dir "$dir/$port" --pidfile "$dir/$port/redis.pid" --logfile "$dir/$port/redis.log" --save "" \
      --appendonly yes --cluster-node-timeout 2000 --daemonize yes >/dev/null
    wait_until 30 redis_cluster_node_ready "$port" || die "node $port does not answer: see $dir/$port/redis.log"
  done
  redis-cli --cluster create "127.0.0.1:$first" "127.0.0.1:$((first + 1))" "127.0.0.1:$((first + 2))" \
    --cluster-yes >"$dir/create.log" || die "the cluster cannot be made: see $dir/create.log"
  for ((port = first; port < first + 3; port++)); do
    wait_until 30 redis_cluster_formed "$port" || die "the cluster does not form"
  done
}

redis_cluster_stop() {
  local file
  for file in "$1"/*/redis.pid; do
    if [[ -s $file ]]; then kill -KILL "$(cat "$file")" 2>/dev/null || true; fi
  done
}
