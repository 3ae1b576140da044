variable "kafka_version" {
  description = "Kafka's version on every node. Change it, and the next apply replaces the nodes one by one."
  type        = string
  default     = "4.3.1"
}

variable "instance_type" {
  description = "Size of every node. Changing it replaces the nodes as well."
  type        = string
  default     = "local.small"
}

variable "shop_password" {
  description = "Password of the user shop. Set the environment variable TF_VAR_shop_password: what is on a command line can be seen by others."
  type        = string
  ephemeral   = true # It is in no state and no plan.
  sensitive   = true

  validation {
    condition     = length(var.shop_password) >= 16 && length(regexall("[\"\\\\[:space:]]", var.shop_password)) == 0
    error_message = "The password needs 16 characters or more, and none of them a space, a quote or a backslash, which client.properties could not take."
  }
}

variable "local_root" {
  description = "Folder for the nodes of the local driver: their disks, configuration and logs. Null for the driver's own default."
  type        = string
  default     = null
}

variable "kafka_home" {
  description = "A Kafka distribution: a folder with libs/, in which {version} stands for the version. Null to have it downloaded."
  type        = string
  default     = null
}
