# Everything that the shop may do, and nothing else.
resource "kafkafleet_acls" "shop" {
  cluster   = kafkafleet_broker_group.main.cluster
  principal = "User:shop"

  bindings = [
    { resource_type = "Topic", resource_name = "orders", operation = "Write" },
    { resource_type = "Topic", resource_name = "customers", operation = "Read" },
    { resource_type = "Group", resource_name = "shop.", pattern_type = "Prefixed", operation = "Read" },
    { resource_type = "TransactionalId", resource_name = "shop.", pattern_type = "Prefixed", operation = "Write" },
  ]
}

# Everybody who may do something with one topic.
resource "kafkafleet_acls" "salaries" {
  cluster       = kafkafleet_broker_group.main.cluster
  resource_type = "Topic"
  resource_name = "salaries"

  bindings = concat(
    [for operation in ["Read", "Write"] : { principal = "User:payroll", operation = operation }],
    [{ principal = "User:auditor", operation = "Read", host = "192.0.2.17" }],
  )
}

# Nothing at all: what somebody gives to this principal by hand is shown by the next plan, and removed by its apply.
resource "kafkafleet_acls" "guest" {
  cluster   = kafkafleet_broker_group.main.cluster
  principal = "User:guest"
  bindings  = []
}
