output "topics" {
  description = "The full names of the team's topics, by their names in the team."
  value       = { for name, topic in kafkafleet_topic.this : name => topic.name }
}

output "prefix" {
  description = "What the team's consumer groups and transactional ids have to begin with."
  value       = local.prefix
}

output "users" {
  description = "The members that log in with a password, and when it was last set."
  value       = { for name, user in kafkafleet_user.member : name => user.password_set_at }
}

output "principals" {
  description = "The team's principals by the user's name."
  value       = { for name, set in kafkafleet_acls.member : name => set.principal }
}
