variable "region" {
  description = "The region."
  type        = string
  default     = "eu-west-1"
}

variable "cluster" {
  description = "The cluster's name. The policies of IAM are for this cluster only."
  type        = string
  default     = "prod"
}

variable "zones" {
  description = "The zones, which become Kafka's racks."
  type        = list(string)
  default     = ["eu-west-1a", "eu-west-1b", "eu-west-1c"]
}

variable "cidr_block" {
  description = "The addresses of the network."
  type        = string
  default     = "10.40.0.0/16"
}

variable "clients" {
  description = "The networks that clients of Kafka come from, in CIDR notation."
  type        = list(string)
  default     = ["10.40.0.0/16"]
}

variable "operators" {
  description = "The networks that Terraform runs in, in CIDR notation: it talks to the nodes at their private addresses."
  type        = list(string)
  default     = ["10.40.0.0/16"]
}

variable "image_parameter" {
  description = "The parameter of Systems Manager that names the image; image/ writes it."
  type        = string
  default     = "/images/kafka"
}

variable "kafka_version" {
  description = "The Kafka version. The image has it."
  type        = string
  default     = "4.3.1"
}

variable "brokers" {
  description = "How many brokers."
  type        = number
  default     = 6
}
