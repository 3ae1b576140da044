# terraform apply -invoke=action.kafkafleet_elect_leaders.all
action "kafkafleet_elect_leaders" "all" {
  config {
    cluster = kafkafleet_broker_group.main.cluster
  }
}

# Some topics by name and by pattern, of the Kafka of the provider block.
action "kafkafleet_elect_leaders" "shop" {
  config {
    topics  = ["orders", "payments\\..*"]
    dry_run = true # First see how many would change their leader.
  }
}
