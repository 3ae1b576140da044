# Stop the consumers of the group first.
# terraform apply -invoke=action.kafkafleet_reset_offsets.replay
action "kafkafleet_reset_offsets" "replay" {
  config {
    cluster      = kafkafleet_topic.orders.cluster
    group        = "billing"
    topics       = [kafkafleet_topic.orders.name]
    to_timestamp = "2026-01-31T06:00:00Z"
    dry_run      = true # First see the old offsets and the new ones.
  }
}

# One record forward, in one partition.
action "kafkafleet_reset_offsets" "skip_one" {
  config {
    cluster    = kafkafleet_topic.orders.cluster
    group      = "billing"
    partitions = { (kafkafleet_topic.orders.name) = [3] }
    shift_by   = 1
  }
}

# A new group that begins with what is written from now on.
action "kafkafleet_reset_offsets" "new_group" {
  config {
    cluster   = kafkafleet_topic.orders.cluster
    group     = "audit"
    topics    = [kafkafleet_topic.orders.name]
    to_latest = true
    create    = true
  }
}
