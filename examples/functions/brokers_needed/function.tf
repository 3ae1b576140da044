locals {
  brokers = provider::kafkafleet::brokers_needed({
    throughput         = provider::kafkafleet::bytes("50MiB")
    consumers          = 3
    retention          = provider::kafkafleet::duration("7d")
    replication_factor = 3
    disk               = provider::kafkafleet::bytes("15TiB")
    network            = provider::kafkafleet::bytes("600MiB")
  })
}
