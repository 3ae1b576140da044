output "topics" {
  description = "The full names of the team's topics, by their names in the team."
  value       = { for name, topic in kafkafleet_topic.this : name => topic.name }
}

output "prefix" {
  description = "What the team's consumer groups and transactional ids have to begin with."
  value       = local.prefix
}

output "principals" {
  description = "The team's principals by the user's name."
  value       = { for name, set in kafkafleet_acls.member : name => set.principal }
}
