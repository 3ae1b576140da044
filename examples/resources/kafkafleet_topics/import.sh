# cluster/name,name; or name,name for the Kafka of the provider block.
terraform import kafkafleet_topics.teams 'prod/orders,payments'
