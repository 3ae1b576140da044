# An image of Amazon Linux 2023 with Java, Kafka and the agent, and a parameter that names it: the next plan shows the rollout to it.
#
#   packer init image && packer build -var kafka_sha512=... -var agent_sha256=... image
#   aws ssm put-parameter --name /images/kafka --type String --overwrite --value ami-...

packer {
  required_plugins {
    amazon = {
      source  = "github.com/hashicorp/amazon"
      version = "~> 1.3"
    }
  }
}

variable "region" {
  type    = string
  default = "eu-west-1"
}

variable "kafka_version" {
  type    = string
  default = "4.3.1"
}

variable "kafka_sha512" {
  type        = string
  description = "As published beside the archive."
}

variable "agent_version" {
  type    = string
  default = "0.1.0"
}

variable "agent_sha256" {
  type        = string
  description = "As in SHA256SUMS of this provider's release."
}

source "amazon-ebs" "kafka" {
  region        = var.region
  instance_type = "c6gd.medium"
  ami_name      = "kafka-${var.kafka_version}-${formatdate("YYYYMMDDhhmm", timestamp())}"
  ssh_username  = "ec2-user"
  encrypt_boot  = true
  imds_support  = "v2.0"

  source_ami_filter {
    owners      = ["amazon"]
    most_recent = true
    filters     = { name = "al2023-ami-minimal-*-arm64", virtualization-type = "hvm" }
  }
}

build {
  sources = ["source.amazon-ebs.kafka"]

  provisioner "shell" {
    script          = "${path.root}/install.sh"
    execute_command = "sudo env {{ .Vars }} sh {{ .Path }}"
    environment_vars = [
      "KAFKA_VERSION=${var.kafka_version}",
      "KAFKA_URL=https://archive.apache.org/dist/kafka/${var.kafka_version}/kafka_2.13-${var.kafka_version}.tgz",
      "KAFKA_SHA512=${var.kafka_sha512}",
      "AGENT_URL=https://github.com/kafkafleet/terraform-provider-kafkafleet/releases/download/v${var.agent_version}/terraform-provider-kafkafleet_${var.agent_version}_linux_arm64.zip",
      "AGENT_SHA256=${var.agent_sha256}",
    ]
  }
}
