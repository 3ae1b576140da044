# The cluster's name and the group's.
terraform import kafkafleet_broker_group.main shop/main
