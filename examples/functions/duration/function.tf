output "a_week_in_milliseconds" {
  value = provider::kafkafleet::duration("7d")
}
