import {
  to = kafkafleet_acls.shop
  identity = {
    cluster   = "production"
    principal = "User:shop"
  }
}
