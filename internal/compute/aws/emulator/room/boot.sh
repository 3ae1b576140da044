# What is between power and user data on a machine of the room: its network, its disks, what its image has. Then it is what its user data says.
set -eu
mount --make-rprivate /
mount -t proc proc /proc
ip link set lo up
until ip link show eth0 >/dev/null 2>&1; do sleep 0.05; done
ip address add "$ROOM_ADDRESS" dev eth0
ip link set eth0 up
ip route add default via "$ROOM_GATEWAY"

# The image: the agent and Kafka.
cp "$ROOM_AGENT" "$ROOM_DIR/bin/kafkafleet-node"
mount -t overlay -o "lowerdir=$ROOM_DIR/bin:/usr/local/bin" overlay /usr/local/bin
mount --bind "$ROOM_DIR/opt" /opt
for kafka in $ROOM_KAFKA; do
  mkdir -p "/opt/kafka-${kafka%%=*}"
  mount --bind "${kafka#*=}" "/opt/kafka-${kafka%%=*}"
done
mount --bind "$ROOM_DIR/lib" /var/lib

# The devices: the instance-store disks, and no others.
mount -t tmpfs none /dev
mkdir -p /dev/disk/by-id /dev/shm
mknod -m 666 /dev/null c 1 3
mknod -m 666 /dev/zero c 1 5
mknod -m 666 /dev/random c 1 8
mknod -m 666 /dev/urandom c 1 9
ln -s /proc/self/fd /dev/fd
n=0
for loop in $ROOM_LOOPS; do
  mknod "$loop" b 7 "${loop#/dev/loop}"
  ln -s "$loop" "/dev/disk/by-id/nvme-Amazon_EC2_NVMe_Instance_Storage_AWS$n"
  n=$((n + 1))
done

"$ROOM_METADATA" &
unset ROOM_METADATA ROOM_DIR ROOM_ADDRESS ROOM_GATEWAY ROOM_AGENT ROOM_KAFKA ROOM_LOOPS
exec "${0%/*}/user-data"
