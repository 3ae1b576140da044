resource "kafkafleet_quota" "reports" {
  user               = "reports"
  producer_byte_rate = provider::kafkafleet::bytes("10MiB")
}
