terraform {
  required_version = ">= 1.11"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "~> 6.0"
    }
    kafkafleet = {
      source = "kafkafleet/kafkafleet"
    }
  }
}

provider "aws" {
  region = var.region
}

# Its credentials come from where those of hashicorp/aws come from: the environment, the shared files, the machine's role.
provider "kafkafleet" {
  aws = {
    region       = var.region
    default_tags = { team = "data" }
  }
}
