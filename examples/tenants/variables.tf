variable "bootstrap_servers" {
  description = "Addresses of the cluster's brokers, host:port."
  type        = list(string)
}

variable "passwords" {
  description = "The users' passwords by name, of both teams: from a secret store, or TF_VAR_passwords."
  type        = map(string)
  ephemeral   = true
  sensitive   = true
}
