resource "kafkafleet_cluster" "shop" {
  name          = "shop"
  kafka_version = "4.3.1"
  zones         = ["local-a", "local-b", "local-c"]

  controllers = {
    nodes         = 3
    instance_type = "local.small"
  }

  security = {
    client_auth = "both"
  }
}

# For a job that runs after this apply: each run of the pipeline puts a certificate for that day into the secret store.
ephemeral "kafkafleet_client_certificate" "reports" {
  cluster     = kafkafleet_cluster.shop.name
  common_name = "reports"
  lifetime    = "24h"
}

variable "run" {
  type        = number
  description = "The number of the pipeline's run."
}

resource "aws_secretsmanager_secret" "reports" {
  name = "kafka/reports"
}

resource "aws_secretsmanager_secret_version" "reports" {
  secret_id                = aws_secretsmanager_secret.reports.id
  secret_string_wo_version = var.run
  secret_string_wo = jsonencode({
    certificate = ephemeral.kafkafleet_client_certificate.reports.certificate_pem
    key         = ephemeral.kafkafleet_client_certificate.reports.private_key_pem
    trusted     = ephemeral.kafkafleet_client_certificate.reports.ca_certificate_pem
  })
}

# What the bearer may do.
resource "kafkafleet_acl" "reports" {
  cluster       = kafkafleet_broker_group.main.cluster
  resource_type = "Topic"
  resource_name = "orders"
  principal     = "User:reports"
  operation     = "Read"
}
