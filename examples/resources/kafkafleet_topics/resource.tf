locals {
  # Or read from the files that teams keep: merge([for file in fileset(path.module, "teams/*.yaml") : yamldecode(file(file))]...)
  team_topics = {
    "shop.orders"   = { partitions = 12 }
    "shop.payments" = { partitions = 6, config = { "retention.ms" = "30d" } }
    "shop.baskets"  = { partitions = 6, config = { "cleanup.policy" = "compact" } }
  }
}

resource "kafkafleet_topics" "teams" {
  cluster = kafkafleet_broker_group.main.cluster

  topics = {
    for name, topic in local.team_topics : name => {
      partitions         = topic.partitions
      replication_factor = 3
      config             = merge({ "min.insync.replicas" = "2" }, try(topic.config, {}))
    }
  }

  # Only what nobody has written to for a month is deleted when it is taken out of the map.
  keep_if_written_within = "30d"
}
