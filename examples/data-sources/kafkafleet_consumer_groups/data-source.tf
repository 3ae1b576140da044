data "kafkafleet_consumer_groups" "of_the_shop" {
  cluster    = "main"
  name_regex = "shop\\..*"
}

# Groups that nobody is a member of, though their offsets are still kept.
output "abandoned" {
  value = [for g in data.kafkafleet_consumer_groups.of_the_shop.groups : g.name if g.state == "Empty"]
}
