output "bootstrap_servers" {
  description = "Addresses of the brokers, for clients."
  value       = kafkafleet_broker_group.main.bootstrap_servers
}

output "brokers" {
  description = "The broker nodes by node id."
  value       = kafkafleet_broker_group.main.nodes
}

output "controllers" {
  description = "The controller nodes by node id."
  value       = kafkafleet_cluster.demo.nodes
}
