#!/usr/bin/env bash
# Writes classes.jsa beside a release's libs/: what Java has found in loading the classes of a Kafka that has done, for a moment, what nodes do. It
# led and followed, over TLS, and served a client that logs in. A node starts in half the time with it, and the first client of a new broker does
# not wait for these classes. Whoever has none goes without.
#
#   tools/classes.sh HOME JAVA
set -euo pipefail

home=$1 java=$2
keytool=$(dirname "$(command -v "$java")")/keytool
kafka=("$java" -XX:+UseSerialGC -XX:TieredStopAtLevel=1 -Xmx320m -cp "$home/libs/*")
tmp=$(mktemp -d "$home/.classes.XXXXXX")
pids=()
# shellcheck disable=SC2317 # It is called when the script ends.
clean() {
  kill ${pids[@]+"${pids[@]}"} 2>/dev/null || true
  rm -rf "$tmp"
}
trap clean EXIT

cat >"$tmp/log4j2.properties" <<'LOGGING'
appender.out.type = Console
appender.out.name = out
rootLogger.level = info
rootLogger.appenderRef.out.ref = out
LOGGING
port=$((20000 + RANDOM % 12000))
for node in 1 2; do
  roles=broker listeners="BROKER://127.0.0.1:$((port + 2 * node)),CLIENTS://127.0.0.1:$((port + 2 * node + 1))"
  if [ "$node" -eq 1 ]; then
    roles=broker,controller listeners=$listeners,CONTROLLER://127.0.0.1:$port
  fi
  cat >"$tmp/node-$node.properties" <<PROPERTIES
node.id=$node
process.roles=$roles
listeners=$listeners
listener.security.protocol.map=BROKER:SSL,CLIENTS:SASL_SSL,CONTROLLER:SSL
controller.listener.names=CONTROLLER
inter.broker.listener.name=BROKER
controller.quorum.bootstrap.servers=127.0.0.1:$port
authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer
super.users=User:CN=localhost
allow.everyone.if.no.acl.found=true
ssl.client.auth=required
ssl.keystore.location=$tmp/key.p12
ssl.keystore.password=of-this-moment
ssl.truststore.location=$tmp/key.p12
ssl.truststore.password=of-this-moment
listener.name.clients.ssl.client.auth=none
listener.name.clients.sasl.enabled.mechanisms=SCRAM-SHA-512
listener.name.clients.scram-sha-512.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required;
default.replication.factor=2
num.partitions=6
offsets.topic.replication.factor=2
offsets.topic.num.partitions=3
group.initial.rebalance.delay.ms=0
log.dirs=$tmp/data-$node
PROPERTIES
done
cat >"$tmp/client.properties" <<PROPERTIES
security.protocol=SASL_SSL
sasl.mechanism=SCRAM-SHA-512
sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required username="client" password="of-this-moment";
ssl.truststore.location=$tmp/key.p12
ssl.truststore.password=of-this-moment
PROPERTIES

"$keytool" -genkeypair -alias node -keyalg EC -groupname secp256r1 -dname CN=localhost -ext san=ip:127.0.0.1 -validity 1 -storetype PKCS12 \
  -keystore "$tmp/key.p12" -storepass of-this-moment >"$tmp/log" 2>&1
format=("${kafka[@]}" kafka.tools.StorageTool format --cluster-id AAAAAAAAAAAAAAAAAAAAAA)
"${format[@]}" --standalone --config "$tmp/node-1.properties" --add-scram 'SCRAM-SHA-512=[name=client,password=of-this-moment]' >"$tmp/log" 2>&1
"${format[@]}" --no-initial-controllers --config "$tmp/node-2.properties" >"$tmp/log" 2>&1
for node in 1 2; do
  archive=()
  if [ "$node" -eq 1 ]; then
    archive=("-XX:ArchiveClassesAtExit=$tmp/classes.jsa")
  fi
  "${kafka[@]}" ${archive[@]+"${archive[@]}"} "-Dlog4j2.configurationFile=$tmp/log4j2.properties" kafka.Kafka "$tmp/node-$node.properties" >"$tmp/log.$node" 2>&1 &
  pids[$node]=$!
done
started() { grep -q 'Kafka Server started' "$tmp/log.$1"; }
for ((i = 0; i < 600; i++)); do
  if started 1 && started 2 || ! kill -0 "${pids[1]}" 2>/dev/null; then
    break
  fi
  sleep 0.1
done

# What these two fail to do, a node does for the first time some day: no reason to have no archive.
client=(--bootstrap-server "127.0.0.1:$((port + 3))" --topic of-this-moment --command-config "$tmp/client.properties")
# Records with keys: those without one may all go to a partition that the other node leads, and then this one has never written any.
seq 1000 | sed 's/.*/&:&/' | "${kafka[@]}" org.apache.kafka.tools.ConsoleProducer "${client[@]}" \
  --property parse.key=true --property key.separator=: >"$tmp/log" 2>&1 &&
  "${kafka[@]}" org.apache.kafka.tools.consumer.ConsoleConsumer "${client[@]}" --group of-this-moment --from-beginning --max-messages 1000 --timeout-ms 20000 \
    >"$tmp/log" 2>&1 || true
for node in 2 1; do
  kill "${pids[$node]}" 2>/dev/null || true
  wait "${pids[$node]}" || true
done
pids=()
# It is written when Java ends, after a file is complete; a rename shows it whole or not at all.
if [ -e "$tmp/classes.jsa" ]; then
  mv "$tmp/classes.jsa" "$home/classes.jsa"
fi
