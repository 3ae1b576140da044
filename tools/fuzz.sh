#!/usr/bin/env bash
# Runs each fuzz target of the tree for a while, one after the other, and says how many inputs each was tried with. An input that breaks a
# target is kept below testdata/fuzz of its package: committed there, every run of the tests tries it.
#
#   tools/fuzz.sh DURATION|COUNTx [REGEXP]     such as: tools/fuzz.sh 30s; tools/fuzz.sh 1000000x '^FuzzSize$'
set -euo pipefail

time=$1
wanted=${2:-^Fuzz}
output=$(mktemp)
trap 'rm -f "$output"' EXIT

# Go's coordinator can take the end of a time, which it set itself, for an error of the target (golang/go#75804, mended in Go 1.27): then there is
# neither an input that failed nor any other line of a failure than this.
ended_in_time() {
  [ "$(sed -n '/^--- FAIL: /,/^FAIL$/p' "$output" | sed '1d;$d')" = "    context deadline exceeded" ] && ! grep -qE 'Failing input|panic:|hung or terminated' "$output"
}

# Listing compiles a package's tests, so only those are asked that may have a target.
mapfile -t packages < <(grep -rlE --include='*_test.go' '^func Fuzz' . | xargs -r -n 1 dirname | sort -u)
targets=0
for package in "${packages[@]}"; do
  listed=$(go test -list "$wanted" "$package")
  for name in $(grep '^Fuzz' <<<"$listed" || true); do
    targets=$((targets + 1))
    start=$SECONDS
    if ! go test -toolexec "$PWD/tools/fuzz-compile.sh" -run '^$' -fuzz "^$name\$" -fuzztime "$time" -fuzzminimizetime 500x "$package" >"$output" 2>&1 && ! ended_in_time; then
      cat "$output" >&2
      echo "$name in $package is broken by the input above. Mend what it found, and commit the input with it." >&2
      exit 1
    fi
    executions=$(sed -n 's/.*, execs: \([0-9]*\) .*/\1/p' "$output" | tail -1)
    printf '%-22s %-28s %9s executions in %3d s\n' "$name" "$package" "${executions:-0}" $((SECONDS - start))
  done
done
if [ "$targets" -eq 0 ]; then
  echo "There is no fuzz target that matches $wanted." >&2
  exit 1
fi
echo "$targets fuzz targets, each for $time, broken by none."
