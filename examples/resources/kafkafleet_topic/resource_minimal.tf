# The least: replication factor and settings are the cluster's.
resource "kafkafleet_topic" "clicks" {
  cluster    = kafkafleet_broker_group.main.cluster
  name       = "clicks"
  partitions = 3
}
