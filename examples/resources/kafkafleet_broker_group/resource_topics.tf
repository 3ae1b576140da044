# The topics that carry the most are on machines of their own.
resource "kafkafleet_broker_group" "events" {
  cluster       = kafkafleet_cluster.shop.name
  name          = "events"
  brokers       = 3
  instance_type = "local.small"
  kafka_version = kafkafleet_cluster.shop.kafka_version

  topics = ["events\\..*", "check_runs|notifications"]
}
