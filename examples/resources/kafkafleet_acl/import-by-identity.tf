import {
  to = kafkafleet_acl.shop_writes_orders
  identity = {
    cluster       = "production"
    resource_type = "Topic"
    resource_name = "orders"
    principal     = "User:shop"
    operation     = "Write"
  }
}
