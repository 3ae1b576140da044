# A workspace of HCP Terraform for the fleet, and the agent that its runs are done by: a machine in the fleet's network, with the operator's
# rights and no keys. It is a root module of its own, applied before the fleet's; after its first apply, the fleet's own apply attaches the policy.

terraform {
  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "~> 6.0"
    }
    tfe = {
      source = "hashicorp/tfe"
    }
  }
}

variable "organization" {
  description = "The organization in HCP Terraform."
  type        = string
}

variable "subnet_id" {
  description = "A subnet whose machines reach HCP Terraform, AWS, and port 9091 of the fleet's nodes."
  type        = string
}

variable "security_group_ids" {
  description = "The security groups of the agent."
  type        = list(string)
}

variable "image_id" {
  description = "An image with Docker, or one whose user data installs it."
  type        = string
}

variable "operator_policy_arn" {
  description = "The fleet's output of this name. It is there after the first apply of the fleet's network and policies, by somebody with rights of their own: terraform apply -target=aws_iam_policy.operator"
  type        = string
}

resource "tfe_agent_pool" "kafka" {
  organization = var.organization
  name         = "kafka"
}

resource "tfe_agent_token" "kafka" {
  agent_pool_id = tfe_agent_pool.kafka.id
  description   = "the agent in the fleet's network"
}

resource "tfe_workspace" "kafka" {
  organization = var.organization
  name         = "kafka-prod"

  # Drift detection and the check blocks, about once a day and on demand.
  assessments_enabled = true
}

resource "tfe_workspace_settings" "kafka" {
  workspace_id   = tfe_workspace.kafka.id
  execution_mode = "agent"
  agent_pool_id  = tfe_agent_pool.kafka.id
}

resource "aws_iam_role" "agent" {
  name = "kafka-terraform-agent"
  assume_role_policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Action = "sts:AssumeRole", Principal = { Service = "ec2.amazonaws.com" } }]
  })
}

resource "aws_iam_role_policy_attachment" "agent" {
  role       = aws_iam_role.agent.name
  policy_arn = var.operator_policy_arn
}

# The token of the agent is a secret, and user data is not: the machine reads it with its role.
resource "aws_ssm_parameter" "token" {
  name  = "/terraform/kafka-agent"
  type  = "SecureString"
  value = tfe_agent_token.kafka.token
}

resource "aws_iam_role_policy" "token" {
  name = "token"
  role = aws_iam_role.agent.id
  policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Action = "ssm:GetParameter", Resource = aws_ssm_parameter.token.arn }]
  })
}

resource "aws_iam_instance_profile" "agent" {
  name = aws_iam_role.agent.name
  role = aws_iam_role.agent.name
}

resource "aws_instance" "agent" {
  ami                    = var.image_id
  instance_type          = "t4g.small"
  subnet_id              = var.subnet_id
  vpc_security_group_ids = var.security_group_ids
  iam_instance_profile   = aws_iam_instance_profile.agent.name
  tags                   = { Name = "kafka-terraform-agent" }

  # Two hops: the agent is in a container.
  metadata_options {
    http_tokens                 = "required"
    http_put_response_hop_limit = 2
  }

  user_data = <<-EOT
    #!/bin/sh
    set -eu
    TFC_AGENT_TOKEN=$(aws ssm get-parameter --name ${aws_ssm_parameter.token.name} --with-decryption --query Parameter.Value --output text)
    export TFC_AGENT_TOKEN
    docker run --detach --restart=always --env TFC_AGENT_TOKEN --env TFC_AGENT_NAME=kafka hashicorp/tfc-agent:latest
  EOT
}
