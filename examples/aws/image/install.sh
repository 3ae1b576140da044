#!/bin/sh
# Puts on a machine what a node needs: Java, Kafka, the agent. An image is made by it (kafka.pkr.hcl), or a machine runs it when it boots (README.md).
#
#   KAFKA_VERSION, KAFKA_URL, KAFKA_SHA512   the release, its archive and that archive's checksum
#   AGENT_URL, AGENT_SHA256                  the zip of this provider's release for the machine's architecture, and its checksum
set -eu

dnf install --assumeyes java-21-amazon-corretto-headless unzip xfsprogs

fetch() { # URL CHECKSUM-COMMAND CHECKSUM FILE
  curl --fail --location --silent --show-error --retry 5 --output "$4" "$1"
  echo "$3  $4" | "$2" --check --quiet -
}

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

fetch "$KAFKA_URL" sha512sum "$KAFKA_SHA512" "$work/kafka.tgz"
mkdir -p "/opt/kafka-$KAFKA_VERSION"
tar --extract --gzip --strip-components=1 --directory="/opt/kafka-$KAFKA_VERSION" --file="$work/kafka.tgz"

fetch "$AGENT_URL" sha256sum "$AGENT_SHA256" "$work/agent.zip"
unzip -q "$work/agent.zip" -d "$work/agent"
install -m 0755 "$work"/agent/terraform-provider-kafkafleet_* /usr/local/bin/kafkafleet-node
