# Everything that a team owns in a Kafka cluster: topics, users, rights and quotas. All of it has one prefix, so that a right is a
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

  # Who has a name here has an ACL and quotas after the user exists, and loses them before the user goes.
  users = { for name, m in var.members : name => m.user ? kafkafleet_user.member[name].name : name }

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

# Who logs in with a password. It is handed through and kept nowhere: not in the state, not in a plan.
resource "kafkafleet_user" "member" {
  for_each = { for name, m in var.members : name => m.password_version if m.user }

  cluster             = var.cluster
  name                = each.key
  password_wo         = lookup(var.passwords, each.key, null)
  password_wo_version = each.value
}

# One set for each member: what the member's roles do not give is removed, whoever gave it.
resource "kafkafleet_acls" "member" {
  for_each = var.members

  cluster   = var.cluster
  principal = "User:${local.users[each.key]}"
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
  user                     = local.users[each.key]
  producer_byte_rate       = each.value.producer_byte_rate
  consumer_byte_rate       = each.value.consumer_byte_rate
  request_percentage       = each.value.request_percentage
  controller_mutation_rate = each.value.controller_mutation_rate
}
