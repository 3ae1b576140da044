# What is inside the cluster. Everything takes the cluster from the broker group, so that it is created after the brokers
# and removed before them.

resource "kafkafleet_topic" "orders" {
  cluster            = kafkafleet_broker_group.main.cluster
  name               = "orders"
  partitions         = 12
  replication_factor = 3

  config = {
    "min.insync.replicas" = "2"
    "retention.ms"        = "86400000"
  }
}

resource "kafkafleet_topic" "payments" {
  cluster            = kafkafleet_broker_group.main.cluster
  name               = "payments"
  partitions         = 6
  replication_factor = 3
}

# The latest state of each customer, kept for ever.
resource "kafkafleet_topic" "customers" {
  cluster            = kafkafleet_broker_group.main.cluster
  name               = "customers"
  partitions         = 3
  replication_factor = 3

  config = {
    "cleanup.policy" = "compact"
  }
}

# Reports may read 10 MiB a second from each broker, so that they never slow the shop down.
resource "kafkafleet_quota" "reports" {
  cluster            = kafkafleet_broker_group.main.cluster
  client_id          = "reports"
  consumer_byte_rate = 10485760
}

resource "kafkafleet_acl" "shop_writes_orders" {
  cluster       = kafkafleet_broker_group.main.cluster
  principal     = "User:shop"
  resource_type = "Topic"
  resource_name = kafkafleet_topic.orders.name
  operation     = "Write"
}

resource "kafkafleet_acl" "reports_read_orders" {
  cluster       = kafkafleet_broker_group.main.cluster
  principal     = "User:reports"
  resource_type = "Topic"
  resource_name = kafkafleet_topic.orders.name
  operation     = "Read"
}
