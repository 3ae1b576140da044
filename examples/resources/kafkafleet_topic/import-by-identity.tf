import {
  to = kafkafleet_topic.orders
  identity = {
    cluster = "production"
    name    = "orders"
  }
}
