terraform {
  required_providers {
    kafkafleet = { source = "kafkafleet/kafkafleet" }
  }
}

variable "endpoint" {
  type = string
}

variable "subnet_ids" {
  type = map(string)
}

variable "spot" {
  type    = bool
  default = null
}

variable "placement_group" {
  type    = string
  default = "partitions"
}

variable "kafka_version" {
  type    = string
  default = "4.3.1"
}

variable "brokers" {
  type    = number
  default = 3
}

variable "fallback_instance_types" {
  type    = list(string)
  default = null
}

provider "kafkafleet" {
  aws = {
    region       = "eu-west-1"
    endpoints    = { ec2 = var.endpoint, ssm = var.endpoint, sts = var.endpoint }
    default_tags = { team = "data" }
  }
}

locals {
  machine = {
    ami_ssm_parameter       = "/images/kafka"
    placement_group         = var.placement_group
    subnet_ids              = var.subnet_ids
    iam_instance_profile    = "kafka"
    fallback_instance_types = var.fallback_instance_types
  }
}

resource "kafkafleet_cluster" "this" {
  name          = "acc"
  kafka_version = var.kafka_version
  zones         = ["eu-west-1a", "eu-west-1b", "eu-west-1c"]
  controllers   = { nodes = 3, instance_type = "c6gd.medium", aws = local.machine }
}

resource "kafkafleet_broker_group" "main" {
  cluster             = kafkafleet_cluster.this.name
  name                = "main"
  brokers             = var.brokers
  instance_type       = "c6gd.medium"
  aws                 = merge(local.machine, { spot = var.spot })
  kafka_version       = kafkafleet_cluster.this.kafka_version
  jvm                 = { heap = "341MiB" }
  deletion_protection = false
}

resource "kafkafleet_topic" "load" {
  cluster            = kafkafleet_broker_group.main.cluster
  name               = "load"
  partitions         = 12
  replication_factor = 3
}
