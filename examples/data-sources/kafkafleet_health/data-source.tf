data "kafkafleet_health" "shop" {
  cluster = "shop"
}

# A warning at every plan and apply for as long as something is wrong. The data source stands outside of the check: inside of it,
# Terraform would read it again at each apply, and so every plan would have something to do.
check "shop_is_healthy" {
  assert {
    condition     = data.kafkafleet_health.shop.status == "healthy"
    error_message = join("\n", data.kafkafleet_health.shop.problems)
  }
}

# What is urgent can be told from what is not.
output "page_somebody" {
  value = data.kafkafleet_health.shop.status == "critical"
}
