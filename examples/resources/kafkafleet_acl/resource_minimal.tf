# The least: allowed, from any host, for this name alone.
resource "kafkafleet_acl" "billing_reads_orders" {
  cluster       = kafkafleet_broker_group.main.cluster
  principal     = "User:billing"
  resource_type = "Topic"
  resource_name = "orders"
  operation     = "Read"
}
