list "kafkafleet_user" "all" {
  provider         = kafkafleet
  limit            = 10000
  include_resource = true
}
