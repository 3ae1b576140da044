# The workspace of the root module in HCP Terraform, from a root module of its own.

terraform {
  required_providers {
    tfe = {
      source = "hashicorp/tfe"
    }
  }
}

variable "organization" {
  type = string
}

variable "agent_pool_id" {
  description = "Agents that reach the machines and the brokers."
  type        = string
}

variable "network_workspace_id" {
  description = "The workspace whose applies this one follows, such as the one with the network and the images."
  type        = string
}

variable "alert_url" {
  type      = string
  sensitive = true
}

resource "tfe_workspace" "shop" {
  organization = var.organization
  name         = "kafka-shop"

  # Drift detection and the check blocks, about once a day and on demand. They stop while the last run has failed.
  assessments_enabled = true

  # Runs apply by themselves. A mass failure or the end of a protected group is an error of the plan; what else a run may not delete is a
  # policy's business (Sentinel or OPA, on the plan's actions).
  auto_apply             = true
  auto_apply_run_trigger = true
}

resource "tfe_workspace_settings" "shop" {
  workspace_id   = tfe_workspace.shop.id
  execution_mode = "agent"
  agent_pool_id  = var.agent_pool_id
}

# A run after each apply of that workspace.
resource "tfe_run_trigger" "network" {
  workspace_id  = tfe_workspace.shop.id
  sourceable_id = var.network_workspace_id
}

resource "tfe_notification_configuration" "shop" {
  workspace_id     = tfe_workspace.shop.id
  name             = "somebody has to look"
  enabled          = true
  destination_type = "generic"
  url              = var.alert_url
  triggers = [
    "run:errored",
    "run:needs_attention",
    "assessment:check_failure",
    "assessment:drifted",
    "assessment:failed",
  ]
}
