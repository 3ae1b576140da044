locals {
  # Such as the files of teams: { "orders" = { partitions = 12 }, … }
  topics = merge([for file in fileset(path.module, "teams/*.yaml") : yamldecode(file("${path.module}/${file}"))]...)
}

resource "kafkafleet_topics" "teams" {
  cluster             = kafkafleet_broker_group.main.cluster
  deletion_protection = true

  topics = {
    for name, topic in local.topics : name => {
      partitions         = topic.partitions
      replication_factor = 3
      config             = merge({ "min.insync.replicas" = "2" }, try(topic.config, {}))
    }
  }
}
