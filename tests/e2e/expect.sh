# shellcheck shell=bash
# What the scripts here check with. `finish` at their end tells how it went.
embudo=${EMBUDO:-$root/build/bin/embudo}
failures=0

# expect <what> <wanted> <got>
expect() {
  if [[ $2 == "$3" ]]; then
    echo "ok    $1: $3"
  else
    echo "WRONG $1: wanted $2, got $3"
    failures=$((failures + 1))
  fi
}
# json <path.to.value>: reads a document from standard input.
json() {
  node -e 'let d=JSON.parse(require("fs").readFileSync(0));
for(const k of process.argv[1].split("."))d=d?.[k];console.log(d)' "$1"
}
# refusal <command…>: the error of a command that must fail.
refusal() {
  if { "$embudo" "$@" >/dev/null; } 2>&1; then echo "was not refused"; fi
}
# eventually <wanted> <command…>: what the command says in the end.
eventually() {
  local wanted=$1 got i
  shift
  for ((i = 0; i < 60; i++)); do
    got=$("$@")
    [[ $got == "$wanted" ]] && break
    sleep 0.5
  done
  echo "$got"
}
# finish <what is well>
finish() {
  if ((failures > 0)); then
    echo "$failures checks failed"
    exit 1
  fi
  echo "$1"
}
