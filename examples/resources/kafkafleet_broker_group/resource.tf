resource "kafkafleet_broker_group" "main" {
  cluster       = kafkafleet_cluster.shop.name
  name          = "main"
  brokers       = 3
  instance_type = "local.small"
  kafka_version = kafkafleet_cluster.shop.kafka_version

  # What no other group claims lives here.
  default = true

  config = {
    # Dynamic: changed online.
    "num.io.threads" = "16"
    # Static: a change replaces the nodes.
    "queued.max.requests" = "1000"
  }

  jvm = { heap = "512MiB" }

  rollout_policy = {
    max_surge = 2
    throttle  = "50MiB/s"
  }

  # A plan shows a rebalance when a broker has more than 1.3 times the mean.
  rebalance = { threshold = 1.3 }
}
