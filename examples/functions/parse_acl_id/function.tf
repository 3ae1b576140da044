output "who" {
  value = provider::kafkafleet::parse_acl_id(kafkafleet_acl.shop_reads_orders.id).principal
}
