import {
  to = kafkafleet_cluster.shop
  identity = {
    name = "shop"
  }
}
