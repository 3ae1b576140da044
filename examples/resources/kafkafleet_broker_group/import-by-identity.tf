import {
  to = kafkafleet_broker_group.main
  identity = {
    cluster = "shop"
    name    = "main"
  }
}
