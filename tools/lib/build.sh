# shellcheck shell=bash
# Building, by the presets of CMakePresets.json.

# build_dir <preset>: where its programs are.
build_dir() {
  case $1 in
    release) echo "$REPO/build" ;;
    *) echo "$REPO/build-$1" ;;
  esac
}

# configure <preset>: once; ninja does it again by itself when a CMake file changes.
configure() {
  local preset=$1 log
  [[ -f $(build_dir "$preset")/build.ninja ]] && return
  log=$(mktemp /tmp/embudo-cmake.XXXXXX)
  say "Configuring ($preset)"
  cmake --preset "$preset" >"$log" 2>&1 || {
    cat "$log" >&2
    die "cmake --preset $preset failed"
  }
  rm -f "$log"
}

# build <preset> [targets...]. ninja shows its progress on a terminal, and is silent in a log unless it fails.
build() {
  local preset=$1 quiet=()
  shift
  configure "$preset"
  [[ -t 2 ]] || quiet=(--quiet)
  say "Building ($preset)"
  ninja -j "$(build_jobs)" "${quiet[@]}" -C "$(build_dir "$preset")" "$@" >&2
}

# As many compilers as there are cores, and as memory holds (1.5 GB each).
build_jobs() {
  local cores memory
  cores=$(nproc)
  memory=$(awk '/MemAvailable/ {print int($2 / 1500000)}' /proc/meminfo)
  ((memory < 1)) && memory=1
  echo $((cores < memory ? cores : memory))
}
