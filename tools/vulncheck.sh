#!/usr/bin/env bash
# Asks the Go vulnerability database for what the provider calls. Fails when it knows something. Where the database cannot be reached nothing
# was checked: that is said, and it fails as well, unless the third argument allows it.
#
#   tools/vulncheck.sh GOVULNCHECK DATABASE [unreachable-is-allowed]
set -euo pipefail

govulncheck=$1
database=$2
output=$(mktemp)
trap 'rm -f "$output"' EXIT

# Exit codes of govulncheck: 3 for a vulnerability that is called, 1 for all that went wrong.
status=0
"$govulncheck" -db "$database" ./... >"$output" 2>&1 || status=$?
case $status in
  0) tail -n 1 "$output" ;;
  3)
    cat "$output"
    echo "The provider calls what is known to be vulnerable (above): take the fixed version." >&2
    exit 1
    ;;
  *)
    if ! grep -q "fetching vulnerabilities" "$output"; then
      cat "$output" >&2
      exit 1
    fi
    echo "NOT CHECKED for known vulnerabilities: the database $database cannot be reached: $(tail -n 1 "$output")" >&2
    [ "${3-}" = unreachable-is-allowed ] || exit 1
    ;;
esac
