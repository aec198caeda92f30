# shellcheck shell=bash
# What is checked without compiling. Nothing here needs the network.

buf() { "$REPO/node_modules/.bin/buf" "$@"; }

lint_protos() {
  say "buf: lint, format, breaking"
  buf lint || return
  buf format --diff --exit-code proto || {
    note "buf format -w proto mends it"
    return 1
  }
  lint_breaking
}

# The API as the main branch has it must stay what its clients know. The branch has no node_modules, so it is laid out
# beside ours.
lint_breaking() {
  local against="$REPO/build/main-api" main
  main=$(git rev-parse --verify --quiet origin/main || git rev-parse --verify --quiet main) || return 0
  git cat-file -e "$main:buf.yaml" 2>/dev/null || return 0
  rm -rf "$against"
  mkdir -p "$against"
  git archive "$main" buf.yaml proto | tar -x -C "$against"
  ln -s "$REPO/node_modules" "$against/node_modules"
  buf breaking --against "$against"
}

lint_format() {
  say "clang-format"
  git ls-files -z -- '*.cc' '*.h' | xargs -0 clang-format --dry-run -Werror
}

lint_scripts() {
  say "shellcheck"
  git ls-files -z -- tools/setup tools/run tools/test tools/lib .ci deploy tests |
    xargs -0 grep --files-with-matches --null -E '^#!.*\bbash|^# shellcheck shell=bash' |
    xargs -0 shellcheck --external-sources
}

lint_all() {
  local failed=0
  lint_protos || failed=1
  lint_format || failed=1
  lint_scripts || failed=1
  return $failed
}

# clang-tidy over every source that the build knows, or over the given ones.
lint_tidy() {
  local dir=$1 files
  shift
  if (($# > 0)); then
    files=("$@")
  else
    mapfile -t files < <(git ls-files -- 'common/*.cc' 'services/*.cc' 'tools/*.cc' 'tests/*.cc')
  fi
  say "clang-tidy (${#files[@]} files)"
  ((${#files[@]} > 0)) || return 0
  printf '%s\0' "${files[@]}" | xargs -0 -n 4 -P "$(nproc)" clang-tidy -p "$dir" --quiet --warnings-as-errors='*'
}
