data "kafkafleet_rebalance_plan" "main" {
  cluster   = kafkafleet_broker_group.main.cluster
  group     = kafkafleet_broker_group.main.name
  threshold = 1.1
}

output "to_rebalance" {
  value = {
    bytes    = data.kafkafleet_rebalance_plan.main.bytes_to_move
    estimate = data.kafkafleet_rebalance_plan.main.estimate
    from     = data.kafkafleet_rebalance_plan.main.before.max_over_mean_bytes
    to       = data.kafkafleet_rebalance_plan.main.after.max_over_mean_bytes
  }
}
