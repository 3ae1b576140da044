# The id is cluster/name. There is no password in it: the user keeps the one that it has until password_wo is declared.
terraform import kafkafleet_user.shop 'production/shop'
