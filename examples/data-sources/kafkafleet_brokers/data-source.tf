data "kafkafleet_brokers" "production" {
  cluster = kafkafleet_broker_group.main.cluster
}

output "live_brokers_by_zone" {
  value = {
    for broker in data.kafkafleet_brokers.production.brokers : broker.zone => broker.address...
    if !broker.fenced
  }
}
