terraform {
  required_providers {
    kafkafleet = { source = "kafkafleet/kafkafleet" }
  }
}

variable "topics" {
  type    = list(string)
  default = []
}

variable "created" {
  type    = set(string)
  default = []
}

variable "partitions" {
  type    = number
  default = 6
}

variable "factor" {
  type    = number
  default = 3
}

provider "kafkafleet" {
  local = {}
}

resource "kafkafleet_cluster" "this" {
  name          = "acc"
  kafka_version = "4.3.1"
  zones         = ["local-a", "local-b", "local-c"]
  controllers   = { nodes = 1, instance_type = "local.small" }
  security      = { insecure_plaintext = true }
}

resource "kafkafleet_broker_group" "main" {
  cluster             = kafkafleet_cluster.this.name
  name                = "main"
  brokers             = 3
  instance_type       = "local.small"
  kafka_version       = kafkafleet_cluster.this.kafka_version
  default             = true
  deletion_protection = false
}

resource "kafkafleet_broker_group" "events" {
  cluster             = kafkafleet_cluster.this.name
  name                = "events"
  brokers             = 3
  instance_type       = "local.small"
  kafka_version       = kafkafleet_cluster.this.kafka_version
  topics              = var.topics
  deletion_protection = false
}

resource "kafkafleet_topic" "events" {
  for_each           = toset(["events.clicks", "events.views", "load"])
  cluster            = kafkafleet_broker_group.main.cluster
  name               = each.key
  partitions         = var.partitions
  replication_factor = 3
  depends_on         = [kafkafleet_broker_group.events]
}

resource "kafkafleet_topic" "created" {
  for_each           = var.created
  cluster            = kafkafleet_broker_group.main.cluster
  name               = each.key
  partitions         = 3
  replication_factor = var.factor
  depends_on         = [kafkafleet_broker_group.events]
}

resource "kafkafleet_topics" "created" {
  cluster    = kafkafleet_broker_group.main.cluster
  topics     = { for name in var.created : "${name}.of-many" => { partitions = 3, replication_factor = var.factor } }
  depends_on = [kafkafleet_broker_group.events]
}
