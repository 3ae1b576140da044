import {
  to = kafkafleet_topics.teams
  identity = {
    cluster = "prod"
    name    = "orders,payments"
  }
}
