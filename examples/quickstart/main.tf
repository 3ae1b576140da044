terraform {
  required_providers {
    kafkafleet = {
      source = "kafkafleet/kafkafleet"
    }
  }
}

# Nodes are processes on this machine, and its zones are simulated.
provider "kafkafleet" {
  local = {
    root       = var.local_root
    kafka_home = var.kafka_home
  }
}

# The cluster's identity and its three controllers, one in each zone.
resource "kafkafleet_cluster" "demo" {
  name          = "demo"
  kafka_version = var.kafka_version
  zones         = ["local-a", "local-b", "local-c"]

  controllers = {
    nodes         = 3
    instance_type = var.instance_type
  }

  config = {
    "log.retention.ms" = "86400000" # A day.
  }
}

# Three brokers. They take their version from the cluster, so one apply rolls controllers and brokers.
resource "kafkafleet_broker_group" "main" {
  cluster       = kafkafleet_cluster.demo.name
  name          = "main"
  brokers       = 3
  instance_type = var.instance_type
  kafka_version = kafkafleet_cluster.demo.kafka_version

  rollout_policy = {
    max_surge = 1
  }

  # A fleet for playing with may be destroyed.
  deletion_protection = false
}
