terraform {
  required_providers {
    kafkafleet = {
      source = "kafkafleet/kafkafleet"
    }
  }
}

# Any Kafka that has an authorizer. For a fleet of this provider, give each module the cluster of a broker group instead.
provider "kafkafleet" {
  kafka = {
    bootstrap_servers = var.bootstrap_servers
  }
}

module "shop" {
  source = "../modules/tenant"

  name      = "shop"
  passwords = var.passwords

  topics = {
    orders   = { partitions = 12 }
    payments = { config = { "retention.ms" = "604800000" } }
    audit    = { partitions = 3, config = { "cleanup.policy" = "delete", "retention.ms" = "31536000000" } }
  }

  members = {
    shop-api     = { roles = ["producer", "transactional"], producer_byte_rate = 20971520 }
    shop-billing = { roles = ["consumer"], password_version = 1 }
    shop-support = { roles = ["reader"], consumer_byte_rate = 5242880 }
    shop-audit   = { roles = ["audit_writer"] }
  }
}

module "reports" {
  source = "../modules/tenant"

  name      = "reports"
  passwords = var.passwords

  topics = {
    daily = { partitions = 3, config = { "cleanup.policy" = "compact" } }
  }

  members = {
    reports-job = { roles = ["producer", "consumer"], request_percentage = 25 }
  }
}

# What crosses the border between two teams is said here, where both are seen, and for a principal that neither module owns: a
# member's set would remove what is not in it.
resource "kafkafleet_acl" "reports_read_orders" {
  principal     = "User:reports-import"
  resource_type = "Topic"
  resource_name = module.shop.topics["orders"]
  operation     = "Read"
}

resource "kafkafleet_acl" "reports_import_groups" {
  principal     = "User:reports-import"
  resource_type = "Group"
  resource_name = module.reports.prefix
  pattern_type  = "Prefixed"
  operation     = "Read"
}
