# The least.
resource "kafkafleet_user" "support" {
  cluster     = kafkafleet_broker_group.main.cluster
  name        = "support"
  password_wo = var.support_password
}

variable "support_password" {
  type      = string
  ephemeral = true
  sensitive = true
}
