terraform {
  # Write-only arguments and ephemeral variables, of Terraform and of OpenTofu.
  required_version = ">= 1.11"

  required_providers {
    kafkafleet = {
      source = "kafkafleet/kafkafleet"
    }
  }
}
