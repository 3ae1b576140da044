import {
  to = kafkafleet_user.shop
  identity = {
    cluster = "production"
    name    = "shop"
  }
}
