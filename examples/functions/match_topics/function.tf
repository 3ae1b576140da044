check "audit_topics_live_on_their_own_group" {
  assert {
    condition     = length(provider::kafkafleet::match_topics(["audit-logins", "orders"], kafkafleet_broker_group.audit.topics)) == 1
    error_message = "The patterns of the group audit match other topics than those of the audit."
  }
}
