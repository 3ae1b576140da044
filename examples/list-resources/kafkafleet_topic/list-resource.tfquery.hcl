list "kafkafleet_topic" "of_the_shop" {
  provider         = kafkafleet
  limit            = 10000
  include_resource = true

  config {
    name_regex = "shop\\..*"
  }
}
