# The least: replication factor and settings are the cluster's.
resource "kafkafleet_topics" "metrics" {
  cluster = kafkafleet_broker_group.main.cluster
  topics  = { for name in ["metrics.cpu", "metrics.disk"] : name => { partitions = 3 } }
}
