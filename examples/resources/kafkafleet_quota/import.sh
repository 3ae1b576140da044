# The id is cluster/ and those of user, client_id and ip that the quota has.
terraform import kafkafleet_quota.reports 'production/client_id=reports'
terraform import kafkafleet_quota.alice_backfill 'production/user=alice&client_id=backfill'
terraform import kafkafleet_quota.everyone 'production/user=<default>'
