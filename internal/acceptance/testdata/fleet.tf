terraform {
  required_providers {
    kafkafleet = { source = "kafkafleet/kafkafleet" }
  }
}

variable "kafka_version" {
  type    = string
  default = "4.3.1"
}

variable "controllers" {
  type    = number
  default = 3
}

variable "brokers" {
  type    = number
  default = 3
}

variable "broker_type" {
  type    = string
  default = "local.small"
}

variable "config" {
  type    = map(string)
  default = {}
}

variable "throttle" {
  type    = string
  default = "auto"
}

variable "replace_nodes" {
  type    = set(number)
  default = []
}

variable "plaintext" {
  type    = bool
  default = false
}

provider "kafkafleet" {
  local = {}
}

resource "kafkafleet_cluster" "this" {
  name          = "acc"
  kafka_version = var.kafka_version
  zones         = ["local-a", "local-b", "local-c"]
  controllers   = { nodes = var.controllers, instance_type = "local.small" }
  security      = var.plaintext ? { insecure_plaintext = true } : null
}

resource "kafkafleet_broker_group" "main" {
  cluster             = kafkafleet_cluster.this.name
  name                = "main"
  brokers             = var.brokers
  instance_type       = var.broker_type
  kafka_version       = kafkafleet_cluster.this.kafka_version
  config              = var.config
  replace_nodes       = var.replace_nodes
  deletion_protection = false
  rollout_policy      = { throttle = var.throttle }
}

resource "kafkafleet_topic" "load" {
  cluster            = kafkafleet_broker_group.main.cluster
  name               = "load"
  partitions         = 12
  replication_factor = 3
}

resource "kafkafleet_topic" "slow" {
  cluster            = kafkafleet_broker_group.main.cluster
  name               = "slow"
  partitions         = 1
  replication_factor = 2
}

resource "kafkafleet_quota" "reports" {
  cluster            = kafkafleet_broker_group.main.cluster
  client_id          = "reports"
  consumer_byte_rate = 10485760
}

output "rollout" {
  value = kafkafleet_broker_group.main.rollout
}
