list "kafkafleet_acl" "all" {
  provider         = kafkafleet
  limit            = 10000
  include_resource = true
}
