data "kafkafleet_cluster" "shop" {
  name = "shop"
}

output "bootstrap_servers" {
  value = data.kafkafleet_cluster.shop.bootstrap_servers
}
