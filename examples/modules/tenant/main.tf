# Everything that a team owns in a Kafka cluster: topics, rights and quotas. All of it has one prefix, so that a right is a
# few bindings however many topics there are, and no team can reach into another one's.

locals {
  prefix = "${var.name}."
  audit  = "${local.prefix}${var.audit_topic}"

  # A role as bindings. The right to write or to read a resource includes Describe of it.
  roles = {
    producer = [
      { resource_type = "Topic", resource_name = local.prefix, pattern_type = "Prefixed", operation = "Write", permission = null },
    ]
    transactional = [
      { resource_type = "TransactionalId", resource_name = local.prefix, pattern_type = "Prefixed", operation = "Write", permission = null },
    ]
    consumer = [
      { resource_type = "Topic", resource_name = local.prefix, pattern_type = "Prefixed", operation = "Read", permission = null },
      { resource_type = "Group", resource_name = local.prefix, pattern_type = "Prefixed", operation = "Read", permission = null },
    ]
    reader = [
      { resource_type = "Topic", resource_name = local.prefix, pattern_type = "Prefixed", operation = "Read", permission = null },
      { resource_type = "Group", resource_name = local.prefix, pattern_type = "Prefixed", operation = "Describe", permission = null },
    ]
    audit_writer = [
      { resource_type = "Topic", resource_name = local.audit, pattern_type = null, operation = "Write", permission = null },
      { resource_type = "Topic", resource_name = local.audit, pattern_type = null, operation = "Read", permission = "Deny" },
    ]
  }

  limited = {
    for name, m in var.members : name => m
    if anytrue([for limit in [m.producer_byte_rate, m.consumer_byte_rate, m.request_percentage, m.controller_mutation_rate] : limit != null])
  }
}

resource "kafkafleet_topic" "this" {
  for_each = var.topics

  cluster            = var.cluster
  name               = "${local.prefix}${each.key}"
  partitions         = each.value.partitions
  replication_factor = each.value.replication_factor
  config             = each.value.config
}

# One set for each member: what the member's roles do not give is removed, whoever gave it.
resource "kafkafleet_acls" "member" {
  for_each = var.members

  cluster   = var.cluster
  principal = "User:${each.key}"
  bindings  = toset(flatten([for role in each.value.roles : local.roles[role]]))

  lifecycle {
    precondition {
      condition     = !contains(each.value.roles, "audit_writer") || contains(keys(var.topics), var.audit_topic)
      error_message = "The member ${each.key} writes audits, and there is no topic \"${var.audit_topic}\" to write them to: add it to topics, or set audit_topic to one that is there."
    }
  }
}

resource "kafkafleet_quota" "member" {
  for_each = local.limited

  cluster                  = var.cluster
  user                     = each.key
  producer_byte_rate       = each.value.producer_byte_rate
  consumer_byte_rate       = each.value.consumer_byte_rate
  request_percentage       = each.value.request_percentage
  controller_mutation_rate = each.value.controller_mutation_rate
}
