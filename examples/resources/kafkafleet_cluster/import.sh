terraform import kafkafleet_cluster.shop shop
