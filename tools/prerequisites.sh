#!/usr/bin/env bash
# Says what this machine lacks, one line each, before anything long starts.
#
#   tools/prerequisites.sh "KAFKA_VERSION..." TERRAFORM_MINIMUM [TOFU_MINIMUM]
set -uo pipefail

tools=$(cd "$(dirname "$0")" && pwd)
failed=0
if ! command -v go >/dev/null; then
  echo "Go is missing: install the version that go.mod names, or a newer one." >&2
  failed=1
else
  # Go itself compares its version with go.mod's, and says so.
  go -C "$tools/.." list -m >/dev/null || failed=1
fi
# shellcheck disable=SC2086 # A list of versions.
"$tools/kafka.sh" --check $1 || failed=1
"$tools/terraform.sh" --check "${@:2}" >/dev/null || failed=1
exit "$failed"
