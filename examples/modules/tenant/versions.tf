terraform {
  required_version = ">= 1.8"

  required_providers {
    kafkafleet = {
      source = "kafkafleet/kafkafleet"
    }
  }
}
