# The least: a single controller, which survives no loss and is for trials.
resource "kafkafleet_cluster" "trial" {
  name          = "trial"
  kafka_version = "4.3.1"
  zones         = ["local-a"]
  controllers   = { nodes = 1, instance_type = "local.small" }
}
