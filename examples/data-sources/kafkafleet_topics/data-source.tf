data "kafkafleet_topics" "of_the_shop" {
  cluster    = "main"
  name_regex = "shop\\..*"
  with_sizes = true
}

output "bytes_of_the_shop" {
  value = sum([for t in data.kafkafleet_topics.of_the_shop.topics : t.bytes])
}
