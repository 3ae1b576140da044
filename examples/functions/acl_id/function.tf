import {
  to = kafkafleet_acl.shop_reads_orders
  id = provider::kafkafleet::acl_id("main", "Topic", "orders", "Literal", "User:shop", "*", "Read", "Allow")
}
