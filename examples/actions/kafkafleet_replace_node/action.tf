# terraform apply -invoke=action.kafkafleet_replace_node.seven
action "kafkafleet_replace_node" "seven" {
  config {
    cluster = kafkafleet_broker_group.main.cluster
    group   = kafkafleet_broker_group.main.name
    node_id = 7
    dry_run = true # First see what it would do.
  }
}

# A broker that does not come back, with the only replica in sync of some partitions. The first invocation names them and what each loses, and
# changes nothing. The id once more confirms that.
action "kafkafleet_replace_node" "eight_by_force" {
  config {
    cluster         = kafkafleet_broker_group.main.cluster
    group           = kafkafleet_broker_group.main.name
    node_id         = 8
    force           = true
    confirm_node_id = 8
  }
}
