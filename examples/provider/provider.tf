terraform {
  required_providers {
    kafkafleet = {
      source = "kafkafleet/kafkafleet"
    }
  }
}

provider "kafkafleet" {
  local = {}
}

resource "kafkafleet_cluster" "shop" {
  name          = "shop"
  kafka_version = "4.3.1"
  zones         = ["local-a", "local-b", "local-c"]

  controllers = {
    nodes         = 3
    instance_type = "local.small"
  }
}

# The version comes from the cluster, so that one apply rolls controllers and brokers.
resource "kafkafleet_broker_group" "main" {
  cluster       = kafkafleet_cluster.shop.name
  name          = "main"
  brokers       = 3
  instance_type = "local.small"
  kafka_version = kafkafleet_cluster.shop.kafka_version
}

# The cluster's name comes from the group, so that the topic is created after the brokers.
resource "kafkafleet_topic" "orders" {
  cluster            = kafkafleet_broker_group.main.cluster
  name               = "orders"
  partitions         = 12
  replication_factor = 3
}
