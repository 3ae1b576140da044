variable "bootstrap_servers" {
  description = "Addresses of the cluster's brokers, host:port."
  type        = list(string)
}
