terraform {
  required_version = ">= 1.8"

  required_providers {
    kafkafleet = {
      source = "kafkafleet/kafkafleet"
    }
  }

  # Unattended runs want a state that every runner reaches, and that can be locked:
  # backend "s3" {
  #   bucket       = "shop-terraform"
  #   key          = "kafka.tfstate"
  #   use_lockfile = true
  # }
}

provider "kafkafleet" {
  local = {
    root       = var.local_root
    kafka_home = var.kafka_home
  }
}

variable "kafka_version" {
  description = "Kafka's version on every node. A change rolls the fleet at the next run."
  type        = string
  default     = "4.3.1"
}

variable "local_root" {
  description = "Folder for the nodes of the local driver. Null for the driver's own default."
  type        = string
  default     = null
}

variable "kafka_home" {
  description = "A Kafka distribution: a folder with libs/, in which {version} stands for the version. Null to have it downloaded."
  type        = string
  default     = null
}

resource "kafkafleet_cluster" "shop" {
  name          = "shop"
  kafka_version = var.kafka_version
  zones         = ["local-a", "local-b", "local-c"]
  controllers   = { nodes = 3, instance_type = "local.small" }
}

# deletion_protection is on by default, as it should be where nobody watches.
resource "kafkafleet_broker_group" "main" {
  cluster       = kafkafleet_cluster.shop.name
  name          = "main"
  brokers       = 3
  instance_type = "local.small"
  kafka_version = kafkafleet_cluster.shop.kafka_version
}

resource "kafkafleet_topic" "orders" {
  cluster            = kafkafleet_broker_group.main.cluster
  name               = "orders"
  partitions         = 6
  replication_factor = 3
}

# After the repair that this run makes, not before it: depends_on has it read when there is nothing left to apply.
data "kafkafleet_health" "shop" {
  cluster    = kafkafleet_cluster.shop.name
  depends_on = [kafkafleet_broker_group.main]
}

# A check warns and stops nothing. converge.sh makes exit code 3 of it.
check "shop_is_healthy" {
  assert {
    condition     = data.kafkafleet_health.shop.status == "healthy"
    error_message = join("\n", data.kafkafleet_health.shop.problems)
  }
}

output "health" {
  value = {
    status   = data.kafkafleet_health.shop.status
    problems = data.kafkafleet_health.shop.problems
  }
}
