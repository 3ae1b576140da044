output "bootstrap_servers" {
  description = "Addresses of the brokers, for clients."
  value       = kafkafleet_broker_group.main.bootstrap_servers
}

output "ca_certificate_pem" {
  description = "The authority whose certificates the brokers show, in PEM."
  value       = kafkafleet_cluster.demo.ca_certificate_pem
}

output "user" {
  description = "Who may produce to the topics and consume from them. The password is the one in TF_VAR_shop_password."
  value       = kafkafleet_user.shop.name
}

output "mechanism" {
  description = "How the user logs in, over TLS."
  value       = one(kafkafleet_user.shop.mechanisms)
}

output "client_properties" {
  description = "What Kafka's own tools need to connect, for a file that they take by --command-config. The password comes from the environment."
  value       = <<-EOT
    # The password is not in here: Kafka's tools take it from the environment variable TF_VAR_shop_password, as Terraform does.
    security.protocol=SASL_SSL
    sasl.mechanism=${one(kafkafleet_user.shop.mechanisms)}
    config.providers=env
    config.providers.env.class=org.apache.kafka.common.config.provider.EnvVarConfigProvider
    sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required username="${kafkafleet_user.shop.name}" password="$${env:TF_VAR_shop_password}";
    ssl.truststore.type=PEM
    ssl.truststore.certificates=${replace(trimspace(kafkafleet_cluster.demo.ca_certificate_pem), "\n", "\\n\\\n")}
  EOT
}

output "brokers" {
  description = "The broker nodes by node id."
  value       = kafkafleet_broker_group.main.nodes
}

output "controllers" {
  description = "The controller nodes by node id."
  value       = kafkafleet_cluster.demo.nodes
}
