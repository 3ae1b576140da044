variable "shop_password" {
  type      = string
  ephemeral = true
  sensitive = true
}

variable "billing_password" {
  type      = string
  ephemeral = true
  sensitive = true
}

# Another value of the variable is noticed by the next plan, and set.
resource "kafkafleet_user" "shop" {
  cluster     = kafkafleet_broker_group.main.cluster
  name        = "shop"
  password_wo = var.shop_password
}

# Clients move from SHA-256 to SHA-512: both hold until the last one has moved.
resource "kafkafleet_user" "billing" {
  cluster     = kafkafleet_broker_group.main.cluster
  name        = "billing"
  mechanisms  = ["SCRAM-SHA-256", "SCRAM-SHA-512"]
  password_wo = var.billing_password
}
