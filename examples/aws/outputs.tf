output "bootstrap_servers" {
  description = "Where clients reach the brokers."
  value       = kafkafleet_broker_group.main.bootstrap_servers
}

output "ca_certificate_pem" {
  description = "What clients have to trust."
  value       = kafkafleet_cluster.this.ca_certificate_pem
}

output "operator_policy_arn" {
  description = "The policy for whoever runs Terraform."
  value       = aws_iam_policy.operator.arn
}
