# A password that nobody knows: made here, kept in a secret store, and read back from there. To rotate it, raise the version.
locals {
  reports_password_version = 1
}

ephemeral "random_password" "reports" {
  length = 32
}

resource "aws_secretsmanager_secret" "reports" {
  name = "kafka/reports"
}

resource "aws_secretsmanager_secret_version" "reports" {
  secret_id                = aws_secretsmanager_secret.reports.id
  secret_string_wo         = ephemeral.random_password.reports.result
  secret_string_wo_version = local.reports_password_version
}

ephemeral "aws_secretsmanager_secret_version" "reports" {
  secret_id = aws_secretsmanager_secret_version.reports.secret_id
}

resource "kafkafleet_user" "reports" {
  cluster             = kafkafleet_broker_group.main.cluster
  name                = "reports"
  password_wo         = ephemeral.aws_secretsmanager_secret_version.reports.secret_string
  password_wo_version = local.reports_password_version
}
