terraform {
  required_providers {
    kafkafleet = { source = "kafkafleet/kafkafleet" }
  }
}

variable "client_auth" {
  type    = string
  default = "both"
}

variable "authority_rotation" {
  type    = string
  default = null
}

variable "password" {
  type      = string
  sensitive = true
  ephemeral = true
}

provider "kafkafleet" {
  local = {}
}

resource "kafkafleet_cluster" "this" {
  name          = "acc"
  kafka_version = "4.3.1"
  zones         = ["local-a", "local-b", "local-c"]
  controllers   = { nodes = 1, instance_type = "local.small" }
  security      = { client_auth = var.client_auth, authority_rotation = var.authority_rotation }
}

resource "kafkafleet_broker_group" "main" {
  cluster             = kafkafleet_cluster.this.name
  name                = "main"
  brokers             = 3
  instance_type       = "local.small"
  kafka_version       = kafkafleet_cluster.this.kafka_version
  deletion_protection = false
}

resource "kafkafleet_topic" "load" {
  cluster            = kafkafleet_broker_group.main.cluster
  name               = "load"
  partitions         = 3
  replication_factor = 3
}

resource "kafkafleet_user" "alice" {
  cluster     = kafkafleet_broker_group.main.cluster
  name        = "alice"
  password_wo = var.password
}

resource "kafkafleet_acl" "writes" {
  cluster       = kafkafleet_topic.load.cluster
  principal     = "User:alice"
  operation     = "Write"
  resource_type = "Topic"
  resource_name = "load"
}

output "bootstrap_servers" {
  value = kafkafleet_broker_group.main.bootstrap_servers
}

output "bootstrap_servers_mtls" {
  value = kafkafleet_broker_group.main.bootstrap_servers_mtls
}

output "ca_certificate_pem" {
  value = kafkafleet_cluster.this.ca_certificate_pem
}
