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

# Clients log in by name and password. The password is in no state and no plan; the cluster has it salted and hashed.
resource "kafkafleet_user" "shop" {
  cluster     = kafkafleet_broker_group.main.cluster
  name        = "shop"
  password_wo = var.shop_password
}

# All that the user may do, since nobody may do what no ACL allows. Who may read or write a topic may also describe it, and who may
# write one may do so idempotently (enable.idempotence).
resource "kafkafleet_acls" "shop" {
  cluster   = kafkafleet_broker_group.main.cluster
  principal = "User:${kafkafleet_user.shop.name}"

  bindings = [
    { resource_type = "Topic", resource_name = kafkafleet_topic.orders.name, operation = "Write" },
    { resource_type = "Topic", resource_name = kafkafleet_topic.orders.name, operation = "Read" },
    { resource_type = "Topic", resource_name = kafkafleet_topic.payments.name, operation = "Write" },
    { resource_type = "Topic", resource_name = kafkafleet_topic.payments.name, operation = "Read" },
    { resource_type = "Topic", resource_name = kafkafleet_topic.customers.name, operation = "Write" },
    { resource_type = "Topic", resource_name = kafkafleet_topic.customers.name, operation = "Read" },
    # Its consumer groups: those whose names begin with "shop".
    { resource_type = "Group", resource_name = "shop", pattern_type = "Prefixed", operation = "Read" },
  ]
}
