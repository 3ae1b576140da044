output "topics" {
  description = "The topics of each team."
  value       = { shop = module.shop.topics, reports = module.reports.topics }
}

output "principals" {
  description = "The principals of each team."
  value       = { shop = module.shop.principals, reports = module.reports.principals }
}
