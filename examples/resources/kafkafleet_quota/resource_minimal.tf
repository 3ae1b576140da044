# The least: an entity and a limit.
resource "kafkafleet_quota" "billing" {
  cluster            = kafkafleet_broker_group.main.cluster
  user               = "billing"
  producer_byte_rate = 1048576
}
