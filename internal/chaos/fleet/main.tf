# The fleet that `make chaos` torments: three controllers and six brokers in three zones.

terraform {
  required_providers {
    kafkafleet = {
      source = "kafkafleet/kafkafleet"
    }
  }
}

variable "kafka_version" {
  type = string
}

variable "local_root" {
  type = string
}

variable "kafka_home" {
  type    = string
  default = null
}

variable "throttle" {
  type    = string
  default = "auto"
}

variable "plaintext" {
  type = bool
}

variable "load_password" {
  type      = string
  ephemeral = true
  sensitive = true
}

provider "kafkafleet" {
  local = {
    root       = var.local_root
    kafka_home = var.kafka_home
  }
}

resource "kafkafleet_cluster" "this" {
  name          = "chaos"
  kafka_version = var.kafka_version
  zones         = ["local-a", "local-b", "local-c"]
  security      = var.plaintext ? { insecure_plaintext = true } : null

  controllers = {
    nodes         = 3
    instance_type = "local.small"
  }
}

resource "kafkafleet_broker_group" "main" {
  cluster             = kafkafleet_cluster.this.name
  name                = "main"
  brokers             = 6
  instance_type       = "local.small"
  kafka_version       = kafkafleet_cluster.this.kafka_version
  deletion_protection = false

  rollout_policy = {
    throttle = var.throttle
  }
}

# Who writes and reads.
resource "kafkafleet_user" "load" {
  cluster             = kafkafleet_broker_group.main.cluster
  name                = "load"
  password_wo         = var.load_password
  password_wo_version = 1
}

resource "kafkafleet_acls" "load" {
  cluster   = kafkafleet_broker_group.main.cluster
  principal = "User:${kafkafleet_user.load.name}"

  bindings = [
    for binding in setproduct([kafkafleet_topic.orders.name, kafkafleet_topic.payments.name], ["Read", "Write"]) :
    { resource_type = "Topic", resource_name = binding[0], operation = binding[1] }
  ]
}

# One partition for each broker to lead, so that a broker that is away is missed. The load writes and reads here.
resource "kafkafleet_topic" "orders" {
  cluster            = kafkafleet_broker_group.main.cluster
  name               = "orders"
  partitions         = 6
  replication_factor = 3

  config = {
    "min.insync.replicas" = "2"
    "retention.ms"        = "86400000"
  }
}

# Written before the faults and read back after them: what there is to move.
resource "kafkafleet_topic" "payments" {
  cluster            = kafkafleet_broker_group.main.cluster
  name               = "payments"
  partitions         = 6
  replication_factor = 3

  config = {
    "min.insync.replicas" = "2"
    "retention.ms"        = "86400000"
  }
}
