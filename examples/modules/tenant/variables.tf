variable "cluster" {
  description = "The cluster, best from kafkafleet_broker_group.<name>.cluster. Null for the Kafka of the provider block."
  type        = string
  default     = null
}

variable "name" {
  description = "The team. Its topics, consumer groups and transactional ids begin with this name and a dot."
  type        = string

  validation {
    condition     = can(regex("^[a-z0-9]([a-z0-9-]*[a-z0-9])?$", var.name))
    error_message = "A team's name has lower-case letters, digits and dashes. A dot in it would let the team \"a\" into the topics of the team \"a.b\"."
  }
}

variable "topics" {
  description = "The team's topics, by their names without the team's prefix."
  type = map(object({
    partitions         = optional(number, 6)
    replication_factor = optional(number, 3)
    config             = optional(map(string), {})
  }))
  default = {}
}

variable "members" {
  description = <<-TEXT
    Who works with the topics: roles and limits by the user's name, as authenticated, without "User:". The roles:

    * producer: writes to all topics of the team.
    * transactional: may use the team's transactional ids, which begin with its prefix. Beside producer.
    * consumer: reads all topics of the team, in consumer groups with its prefix.
    * reader: reads all topics of the team, and sees how far its groups are, but has no group of its own: it can move no offset.
    * audit_writer: writes to the audit topic, and may not read it, whatever else allows that.

    Each is a user with a password from passwords, which is set when password_version changes. Who logs in by something else, such as a
    certificate, has user = false.
  TEXT
  type = map(object({
    roles                    = set(string)
    user                     = optional(bool, true)
    password_version         = optional(number, 1)
    producer_byte_rate       = optional(number)
    consumer_byte_rate       = optional(number)
    request_percentage       = optional(number)
    controller_mutation_rate = optional(number)
  }))
  default = {}

  validation {
    condition     = alltrue([for m in values(var.members) : length(setsubtract(m.roles, ["producer", "transactional", "consumer", "reader", "audit_writer"])) == 0])
    error_message = "The roles are producer, transactional, consumer, reader and audit_writer."
  }

  validation {
    condition     = alltrue([for name in keys(var.members) : !startswith(name, "User:")])
    error_message = "Members are users by name: write alice, not User:alice."
  }
}

variable "passwords" {
  description = "The members' passwords by the user's name; those of others are left alone. They are needed in each run, and kept in none."
  type        = map(string)
  default     = {}
  ephemeral   = true
  sensitive   = true

  validation {
    condition     = alltrue([for name, m in var.members : !m.user || lookup(var.passwords, name, "") != ""])
    error_message = "A member has no password: each one has an entry in passwords by the user's name, or user = false."
  }
}

variable "audit_topic" {
  description = "Which of the topics is the one for audits."
  type        = string
  default     = "audit"
}
