resource "kafkafleet_cluster" "shop" {
  name          = "shop"
  kafka_version = "4.3.1"
  zones         = ["local-a", "local-b", "local-c"]

  controllers = {
    nodes         = 3
    instance_type = "local.small"
  }

  config = {
    "log.retention.ms" = "259200000"
  }
}
