# The id is cluster/name.
terraform import kafkafleet_topic.orders production/orders

# In the Kafka of the provider block it is the name.
terraform import kafkafleet_topic.audit audit
