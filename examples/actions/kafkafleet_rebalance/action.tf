# terraform apply -invoke=action.kafkafleet_rebalance.main
action "kafkafleet_rebalance" "main" {
  config {
    cluster   = kafkafleet_broker_group.main.cluster
    group     = kafkafleet_broker_group.main.name
    threshold = 1.1
    budget    = "500GiB"
    dry_run   = true # First see what it would move.
  }
}
