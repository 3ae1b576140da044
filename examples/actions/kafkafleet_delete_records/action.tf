# terraform apply -invoke=action.kafkafleet_delete_records.before_february
action "kafkafleet_delete_records" "before_february" {
  config {
    cluster          = kafkafleet_topic.orders.cluster
    topic            = kafkafleet_topic.orders.name
    before_timestamp = "2026-02-01T00:00:00Z"
    dry_run          = true # First see how many records it would delete.
  }
}

# Past a record that no consumer can read.
action "kafkafleet_delete_records" "past_the_poison" {
  config {
    cluster       = kafkafleet_topic.orders.cluster
    topic         = kafkafleet_topic.orders.name
    before_offset = { "3" = 184467 }
  }
}

action "kafkafleet_delete_records" "empty_the_test_data" {
  config {
    cluster = kafkafleet_topic.orders.cluster
    topic   = kafkafleet_topic.orders.name
    all     = true
  }
}
