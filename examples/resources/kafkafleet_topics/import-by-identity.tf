import {
  to = kafkafleet_topics.teams
  identity = {
    cluster = "prod"
    names   = ["orders", "payments"]
  }
}
