list "kafkafleet_quota" "all" {
  provider         = kafkafleet
  limit            = 10000
  include_resource = true
}
