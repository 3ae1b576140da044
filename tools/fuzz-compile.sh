#!/usr/bin/env bash
# Stands before the compiler of `go test -fuzz` (its -toolexec) and leaves out the instruments of packages that are neither ours nor Go's own. An
# execution costs as much as there are instruments to read, and the SDKs have a hundred times as many as what is tried here.
set -euo pipefail
tool=$1
shift
# By this answer Go tells results of one compiler from those of another one.
if [ "${1-}" = -V=full ]; then
  echo "$("$tool" -V=full) without-instruments-for-modules"
  exit
fi
args=()
for arg in "$@"; do
  case $arg:${TOOLEXEC_IMPORTPATH-} in
  -d=libfuzzer:github.com/kafkafleet/*) args+=("$arg") ;;
  -d=libfuzzer:*.*/*) ;;
  *) args+=("$arg") ;;
  esac
done
exec "$tool" "${args[@]}"
