terraform {
  required_providers {
    kafkafleet = { source = "kafkafleet/kafkafleet" }
  }
}

variable "password" {
  type      = string
  ephemeral = true
  sensitive = true
}

variable "password_version" {
  type    = number
  default = 1
}

variable "heap" {
  type    = string
  default = "384MiB"
}

variable "authority_certificate" {
  type = string
}

variable "authority_key" {
  type      = string
  ephemeral = true
  sensitive = true
}

provider "kafkafleet" {
  local = {}
}

resource "kafkafleet_cluster" "this" {
  name          = "acc"
  kafka_version = "4.3.1"
  zones         = ["local-a"]
  controllers   = { nodes = 1, instance_type = "local.small" }

  # One of the user's own, so that its key comes the longest way: through Terraform.
  security = {
    authority = {
      certificate_pem    = var.authority_certificate
      private_key_pem_wo = var.authority_key
    }
  }
}

resource "kafkafleet_broker_group" "main" {
  cluster             = kafkafleet_cluster.this.name
  name                = "main"
  brokers             = 1
  instance_type       = "local.small"
  kafka_version       = kafkafleet_cluster.this.kafka_version
  jvm                 = { heap = var.heap }
  deletion_protection = false
}

resource "kafkafleet_topic" "orders" {
  cluster            = kafkafleet_broker_group.main.cluster
  name               = "orders"
  partitions         = 2
  replication_factor = 1
}

resource "kafkafleet_user" "grace" {
  cluster             = kafkafleet_broker_group.main.cluster
  name                = "grace"
  password_wo         = var.password
  password_wo_version = var.password_version
}

resource "kafkafleet_acl" "grace" {
  cluster       = kafkafleet_broker_group.main.cluster
  principal     = "User:${kafkafleet_user.grace.name}"
  resource_type = "Topic"
  resource_name = kafkafleet_topic.orders.name
  operation     = "Write"
}

output "bootstrap_servers" {
  value = kafkafleet_broker_group.main.bootstrap_servers
}

output "ca_certificate_pem" {
  value = kafkafleet_cluster.this.ca_certificate_pem
}
