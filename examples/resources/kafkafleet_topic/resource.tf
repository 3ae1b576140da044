resource "kafkafleet_topic" "orders" {
  cluster            = kafkafleet_broker_group.main.cluster
  name               = "orders"
  partitions         = 12
  replication_factor = 3

  config = {
    "min.insync.replicas" = "2"
    "retention.ms"        = "604800000"
  }
}

# The latest state of each customer, kept for ever.
resource "kafkafleet_topic" "customers" {
  cluster            = kafkafleet_broker_group.main.cluster
  name               = "customers"
  partitions         = 6
  replication_factor = 3

  config = {
    "cleanup.policy" = "compact"
  }

  # A topic that holds the only copy of something is worth a second lock.
  lifecycle {
    prevent_destroy = true
  }
}

# In a cluster that this provider did not build: the provider block has `kafka`, and `cluster` is left out.
resource "kafkafleet_topic" "audit" {
  name       = "audit"
  partitions = 3
}
