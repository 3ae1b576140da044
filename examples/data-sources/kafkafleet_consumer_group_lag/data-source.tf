data "kafkafleet_consumer_group_lag" "billing" {
  cluster = "main"
  group   = "shop.billing"
}

# A warning at every plan and apply for as long as the group does not keep up. The data source stands outside of the check: inside of it,
# Terraform would read it again at each apply, and so every plan would have something to do.
check "billing_keeps_up" {
  assert {
    condition     = data.kafkafleet_consumer_group_lag.billing.status == "OK"
    error_message = "Group shop.billing is ${data.kafkafleet_consumer_group_lag.billing.status}, ${data.kafkafleet_consumer_group_lag.billing.total_lag} records behind."
  }
}

# Where it does not.
output "behind" {
  value = {
    for p in data.kafkafleet_consumer_group_lag.billing.partitions : "${p.topic}-${p.partition}" => p.status
    if p.status != null && p.status != "OK"
  }
}
