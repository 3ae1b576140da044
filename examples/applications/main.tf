terraform {
  # Write-only arguments and ephemeral variables, of Terraform and of OpenTofu.
  required_version = ">= 1.11"

  required_providers {
    kafkafleet = {
      source = "kafkafleet/kafkafleet"
    }
  }
}

# Any Kafka that has an authorizer.
provider "kafkafleet" {
  kafka = {
    bootstrap_servers = var.bootstrap_servers
  }
}

variable "bootstrap_servers" {
  description = "Addresses of the cluster's brokers, host:port."
  type        = list(string)
}

variable "passwords" {
  description = "The passwords of fraud, connect and schema-registry by these names: from a secret store, or TF_VAR_passwords."
  type        = map(string)
  ephemeral   = true
  sensitive   = true
}

locals {
  application_id = "fraud"   # Kafka Streams: application.id
  connect_group  = "connect" # Connect: group.id
  sink           = "archive" # A sink connector, by its name.
}

resource "kafkafleet_user" "application" {
  for_each = toset(["fraud", "connect", "schema-registry"])

  name                = each.key
  password_wo         = lookup(var.passwords, each.key, null)
  password_wo_version = 1
}

# What the applications read and write.
resource "kafkafleet_topic" "payments" {
  name               = "payments"
  partitions         = 6
  replication_factor = 3
}

resource "kafkafleet_topic" "alerts" {
  name               = "alerts"
  partitions         = 6
  replication_factor = 3
}

# Kafka Streams: its input, its output, its group, and all that is called by its application.id.
resource "kafkafleet_acls" "fraud" {
  principal = "User:${kafkafleet_user.application["fraud"].name}"

  bindings = [
    { resource_type = "Topic", resource_name = kafkafleet_topic.payments.name, operation = "Read" },
    { resource_type = "Topic", resource_name = kafkafleet_topic.alerts.name, operation = "Write" },
    { resource_type = "Group", resource_name = local.application_id, operation = "Read" },
    { resource_type = "Topic", resource_name = "${local.application_id}-", pattern_type = "Prefixed", operation = "All" },
    { resource_type = "TransactionalId", resource_name = "${local.application_id}-", pattern_type = "Prefixed", operation = "Write" },
  ]
}

# Connect's own topics. The names go into the workers' configuration: config.storage.topic and so on.
resource "kafkafleet_topic" "connect" {
  for_each = { configs = 1, offsets = 25, status = 5 }

  name               = "${local.connect_group}-${each.key}"
  partitions         = each.value
  replication_factor = 3
  config             = { "cleanup.policy" = "compact" }
}

# The workers, and a sink connector that uses their login: it archives the alerts.
resource "kafkafleet_acls" "connect" {
  principal = "User:${kafkafleet_user.application["connect"].name}"

  bindings = concat(
    [{ resource_type = "Group", resource_name = local.connect_group, operation = "Read" }],
    flatten([for topic in kafkafleet_topic.connect : [
      { resource_type = "Topic", resource_name = topic.name, operation = "Read" },
      { resource_type = "Topic", resource_name = topic.name, operation = "Write" },
    ]]),
    [
      { resource_type = "Group", resource_name = "connect-${local.sink}", operation = "Read" },
      { resource_type = "Topic", resource_name = kafkafleet_topic.alerts.name, operation = "Read" },
    ],
  )
}

# Schema Registry: one topic of one partition, in which the latest of each key counts.
resource "kafkafleet_topic" "schemas" {
  name                = "_schemas"
  partitions          = 1
  replication_factor  = 3
  config              = { "cleanup.policy" = "compact" }
  deletion_protection = var.protect_schemas
}

variable "protect_schemas" {
  description = "Whether the topic of the schemas must not be deleted."
  type        = bool
  default     = true
}

resource "kafkafleet_acls" "schema_registry" {
  principal = "User:${kafkafleet_user.application["schema-registry"].name}"

  bindings = [
    { resource_type = "Topic", resource_name = kafkafleet_topic.schemas.name, operation = "Read" },
    { resource_type = "Topic", resource_name = kafkafleet_topic.schemas.name, operation = "Write" },
    { resource_type = "Topic", resource_name = kafkafleet_topic.schemas.name, operation = "DescribeConfigs" },
    { resource_type = "Topic", resource_name = "__consumer_offsets", operation = "Describe" },
    { resource_type = "Group", resource_name = "schema-registry", pattern_type = "Prefixed", operation = "Read" },
  ]
}
