# The least.
resource "kafkafleet_acls" "billing" {
  cluster   = kafkafleet_broker_group.main.cluster
  principal = "User:billing"
  bindings  = [{ resource_type = "Topic", resource_name = "orders", operation = "Read" }]
}
