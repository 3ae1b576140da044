#!/usr/bin/env bash
# Runs a command in a network namespace of its own, in which only the loopback interface is, and which ends with the command.
#
#   tools/netns.sh COMMAND [ARGUMENT...]
set -euo pipefail

for tool in unshare ip losetup mkfs.ext4 blkid; do
  command -v "$tool" >/dev/null || { echo "$tool is missing: install iproute2, util-linux and e2fsprogs." >&2; exit 1; }
done
if [ "$(id -u)" -ne 0 ]; then
  echo "The machines of the test room need network namespaces, mounts and loop devices, and so root." >&2
  exit 1
fi
exec unshare --net -- "$BASH" -c 'ip link set lo up && exec "$@"' netns "$@"
