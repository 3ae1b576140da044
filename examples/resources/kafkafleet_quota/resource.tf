# Reports may read 10 MiB a second from each broker.
resource "kafkafleet_quota" "reports" {
  cluster            = kafkafleet_broker_group.main.cluster
  client_id          = "reports"
  consumer_byte_rate = 10485760
}

# A user's client id is the strongest of the eight levels.
resource "kafkafleet_quota" "alice_backfill" {
  cluster            = kafkafleet_broker_group.main.cluster
  user               = "alice"
  client_id          = "backfill"
  producer_byte_rate = 5242880
  request_percentage = 25
}

# Every user who has no quota of his own.
resource "kafkafleet_quota" "everyone" {
  cluster                  = kafkafleet_broker_group.main.cluster
  user                     = "<default>"
  producer_byte_rate       = 20971520
  consumer_byte_rate       = 20971520
  controller_mutation_rate = 10
}

# Every address: a client in a crash loop does not keep the brokers busy with handshakes.
resource "kafkafleet_quota" "connections" {
  cluster                  = kafkafleet_broker_group.main.cluster
  ip                       = "<default>"
  connection_creation_rate = 50
}
