# The least. A single broker has no other to copy from: it is for trials.
resource "kafkafleet_broker_group" "trial" {
  cluster       = kafkafleet_cluster.trial.name
  name          = "main"
  brokers       = 1
  instance_type = "local.small"
  kafka_version = kafkafleet_cluster.trial.kafka_version
}
