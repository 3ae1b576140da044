terraform {
  required_version = ">= 1.11"

  required_providers {
    kafkafleet = {
      source = "kafkafleet/kafkafleet"
    }
  }
}

variable "bootstrap_servers" {
  description = "Brokers of the cluster, as host:port."
  type        = list(string)
}

variable "shop_password" {
  description = "The password that user shop has."
  type        = string
  ephemeral   = true
  sensitive   = true
}

provider "kafkafleet" {
  kafka = { bootstrap_servers = var.bootstrap_servers }
}

# Was: resource "kafka_topic" "orders", with the same attributes.
resource "kafkafleet_topic" "orders" {
  name               = "orders"
  partitions         = 3
  replication_factor = 1
  config = {
    "retention.ms"   = "604800000"
    "cleanup.policy" = "compact,delete"
  }
}

moved {
  from = kafka_topic.orders
  to   = kafkafleet_topic.orders
}

# Was: resource "kafka_acl" "orders", whose attributes have longer names. This has the defaults of both: any host, Literal, Allow.
resource "kafkafleet_acl" "orders" {
  resource_type = "Topic"
  resource_name = "orders"
  principal     = "User:shop"
  operation     = "Read"
}

moved {
  from = kafka_acl.orders
  to   = kafkafleet_acl.orders
}

# TransactionalID there is Kafka's TransactionalId here.
resource "kafkafleet_acl" "transactions" {
  resource_type = "TransactionalId"
  resource_name = "shop-"
  pattern_type  = "Prefixed"
  principal     = "User:shop"
  host          = "192.0.2.1"
  operation     = "Write"
}

moved {
  from = kafka_acl.transactions
  to   = kafkafleet_acl.transactions
}

# Was: entity_type = "user", entity_name = "shop", and a map of the quotas.
resource "kafkafleet_quota" "shop" {
  user               = "shop"
  producer_byte_rate = 4000000
  request_percentage = 12.5
}

moved {
  from = kafka_quota.shop
  to   = kafkafleet_quota.shop
}

# Was: entity_type = "client-id", without an entity_name.
resource "kafkafleet_quota" "clients" {
  client_id          = "<default>"
  consumer_byte_rate = 8000000
}

moved {
  from = kafka_quota.clients
  to   = kafkafleet_quota.clients
}

# Was: resource "kafka_user_scram_credential" "shop". What it had is declared, since the defaults here are SCRAM-SHA-512 and more iterations.
resource "kafkafleet_user" "shop" {
  name        = "shop"
  mechanisms  = ["SCRAM-SHA-256"]
  iterations  = 4096
  password_wo = var.shop_password
}

moved {
  from = kafka_user_scram_credential.shop
  to   = kafkafleet_user.shop
}
