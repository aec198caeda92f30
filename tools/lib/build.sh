# shellcheck shell=bash
# Building, by the presets of CMakePresets.json.

# build_dir <preset>: where its programs are.
build_dir() {
  case $1 in
    release) echo "$REPO/build" ;;
    *) echo "$REPO/build-$1" ;;
  esac
}

# build <preset> [targets...]: configures when needed and compiles. ninja shows its progress on a terminal, and is
# silent in a log unless it fails.
build() {
  local preset=$1 dir quiet=()
  shift
  dir=$(build_dir "$preset")
  if [[ ! -f $dir/build.ninja ]]; then
    cmake --preset "$preset" >"/tmp/embudo-cmake-$preset.$$.log" 2>&1 ||
      { cat "/tmp/embudo-cmake-$preset.$$.log" >&2 && die "cmake --preset $preset failed"; }
    rm -f "/tmp/embudo-cmake-$preset.$$.log"
  fi
  [[ -t 1 ]] || quiet=(--quiet)
  say "Building ($preset)"
  ninja -j "$(build_jobs)" "${quiet[@]}" -C "$dir" "$@" >&2 || die "the build failed"
}

# As many compilers as there are cores, and as memory holds (1.5 GB each).
build_jobs() {
  local cores memory
  cores=$(nproc)
  memory=$(awk '/MemAvailable/ {print int($2 / 1500000)}' /proc/meminfo)
  ((memory < 1)) && memory=1
  echo $((cores < memory ? cores : memory))
}
