# The id is cluster/principal or cluster/resource_type|resource_name|pattern_type.
terraform import kafkafleet_acls.shop 'production/User:shop'
terraform import kafkafleet_acls.salaries 'production/Topic|salaries|Literal'
