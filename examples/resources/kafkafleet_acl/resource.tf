resource "kafkafleet_acl" "shop_writes_orders" {
  cluster       = kafkafleet_broker_group.main.cluster
  principal     = "User:shop"
  resource_type = "Topic"
  resource_name = kafkafleet_topic.orders.name
  operation     = "Write"
}

# All groups whose names begin with "reports-".
resource "kafkafleet_acl" "reports_groups" {
  cluster       = kafkafleet_broker_group.main.cluster
  principal     = "User:reports"
  resource_type = "Group"
  resource_name = "reports-"
  pattern_type  = "Prefixed"
  operation     = "Read"
}

# What concerns the cluster as a whole has one name.
resource "kafkafleet_acl" "monitoring" {
  cluster       = kafkafleet_broker_group.main.cluster
  principal     = "User:monitoring"
  resource_type = "Cluster"
  resource_name = "kafka-cluster"
  operation     = "Describe"
}

# A denial is stronger than whatever allows it.
resource "kafkafleet_acl" "nobody_from_there" {
  cluster       = kafkafleet_broker_group.main.cluster
  principal     = "User:*"
  host          = "203.0.113.7"
  resource_type = "Topic"
  resource_name = "*"
  operation     = "All"
  permission    = "Deny"
}
