#!/usr/bin/env bash
# Puts Kafka releases into .cache/kafka/<version>/libs, where tests and the demo expect them.
#
#   tools/kafka.sh [--check] VERSION...
#
# A release comes from KAFKA_HOME (one or more Kafka distributions, separated by ":"), which is linked and not copied,
# or else from Maven. --check fetches nothing: it prints one line for each thing that is missing.
set -euo pipefail

root=$(cd "$(dirname "$0")/.." && pwd)
cache=$root/.cache/kafka
check=
if [ "${1-}" = --check ]; then
  check=1
  shift
fi

# have says whether a folder has the shape of a distribution of this release.
have() { [ -e "$1/libs/kafka_2.13-$2.jar" ]; }

# home prints the folder of KAFKA_HOME that holds this release.
home() {
  local folder
  local -a folders
  IFS=: read -ra folders <<<"${KAFKA_HOME-}"
  for folder in ${folders[@]+"${folders[@]}"}; do
    if have "$folder" "$1"; then
      (cd "$folder" && pwd)
      return
    fi
  done
  return 1
}

fetch() {
  local version=$1 tmp
  tmp=$(mktemp -d "$cache/.fetch-$version.XXXXXX")
  # shellcheck disable=SC2064 # The folder is known now and not when the script ends.
  trap "rm -rf '$tmp'" EXIT
  echo "Fetching Kafka $version by Maven." >&2
  if ! mvn -B -q -f "$root/tools/kafka.pom.xml" dependency:copy-dependencies -DincludeScope=runtime \
    "-Dkafka.version=$version" "-DoutputDirectory=$tmp/libs" >"$tmp/mvn.log" 2>&1; then
    cat "$tmp/mvn.log" >&2
    echo "Kafka $version: Maven could not fetch it. Repair the cause above, or set KAFKA_HOME to a Kafka $version distribution." >&2
    return 1
  fi
  if ! have "$tmp" "$version"; then
    echo "Kafka $version: Maven ended well, yet libs/kafka_2.13-$version.jar is not there." >&2
    return 1
  fi
  rm "$tmp/mvn.log"
  # mktemp makes its folder private; these jars are not.
  chmod 755 "$tmp"
  # A rename is all or nothing, so a folder with a release's name is always whole. Another run may have been faster.
  have "$cache/$version" "$version" || mv "$tmp" "$cache/$version"
  rm -rf "$tmp"
  trap - EXIT
}

missing=0
# Kafka 4 needs Java 17, and so does every node of the local driver, which asks JAVA_HOME first as well.
java=${JAVA_HOME:+$JAVA_HOME/bin/}java
if ! command -v "$java" >/dev/null; then
  echo "Java is missing ($java): install a Java runtime, version 17 or newer, and put it on PATH or into JAVA_HOME." >&2
  missing=1
else
  release=$("$java" -version 2>&1 | sed -n 's/.* version "\([0-9]*\).*/\1/p' | head -n 1)
  if [ "${release:-0}" -lt 17 ]; then
    echo "$java is Java ${release:-of an unknown version}: Kafka 4 needs 17 or newer on PATH or in JAVA_HOME." >&2
    missing=1
  fi
fi
wanted=()
for version in "$@"; do
  if have "$cache/$version" "$version"; then
    continue
  fi
  if ! home "$version" >/dev/null && ! command -v mvn >/dev/null; then
    echo "Kafka $version is missing: install Maven, or set KAFKA_HOME to a Kafka $version distribution (a folder with libs/; several are separated by \":\")." >&2
    missing=1
  fi
  wanted+=("$version")
done
if [ "$missing" -ne 0 ] || [ -n "$check" ]; then
  exit "$missing"
fi

mkdir -p "$cache"
for version in ${wanted[@]+"${wanted[@]}"}; do
  rm -rf "${cache:?}/$version"
  if folder=$(home "$version"); then
    ln -s "$folder" "$cache/$version"
  else
    fetch "$version"
    echo "Making an archive of its classes, so that nodes start faster (half a minute, once)." >&2
    # A node without one starts all the same, in more time.
    "$root/tools/classes.sh" "$cache/$version" "$java" || true
  fi
done
