# The id is cluster/resource_type|resource_name|pattern_type|principal|host|operation|permission.
terraform import kafkafleet_acl.shop_writes_orders 'production/Topic|orders|Literal|User:shop|*|Write|Allow'
