#!/usr/bin/env bash
# Runs a command in a network namespace of its own, in which only the loopback interface is, and which ends with the command.
#
#   tools/netns.sh COMMAND [ARGUMENT...]
#   tools/netns.sh --probe                 can machines of the test room boot here? They need loop devices and overlay mounts, too.
set -euo pipefail

for tool in unshare ip losetup mkfs.ext4 blkid; do
  command -v "$tool" >/dev/null || { echo "$tool is missing: install iproute2, util-linux and e2fsprogs." >&2; exit 1; }
done
if [ "$(id -u)" -ne 0 ]; then
  echo "The machines of the test room need network namespaces, mounts and loop devices, and so root." >&2
  exit 1
fi
if [ "${1-}" = --probe ]; then
  dir=$(mktemp -d)
  trap 'rm -rf "$dir"' EXIT
  mkdir "$dir/lower" "$dir/upper" "$dir/merged"
  truncate --size=8M "$dir/disk"
  mkfs.ext4 -q -F "$dir/disk"
  loop=$(losetup --find --show "$dir/disk")
  # shellcheck disable=SC2064 # The device is the one of now.
  trap "losetup --detach '$loop'; rm -rf '$dir'" EXIT
  unshare --mount --net --pid --fork -- sh -euc '
    mount --make-rprivate /
    mount "$1" "$2/upper"
    mount -t overlay -o "lowerdir=$2/lower:$2/upper" overlay "$2/merged"
    ip link add bridge0 type bridge
    ip link add veth0 type veth peer name veth1' probe "$loop" "$dir"
  exit 0
fi
exec unshare --net -- "$BASH" -c 'ip link set lo up && exec "$@"' netns "$@"
