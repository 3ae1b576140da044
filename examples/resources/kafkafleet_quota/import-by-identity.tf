import {
  to = kafkafleet_quota.alice_backfill
  identity = {
    cluster   = "production"
    user      = "alice"
    client_id = "backfill"
  }
}
