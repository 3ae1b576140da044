# A network without a way to the internet: nodes reach EC2 and Systems Manager by endpoints of their own.

resource "aws_vpc" "kafka" {
  cidr_block           = var.cidr_block
  enable_dns_hostnames = true
  tags                 = { Name = var.cluster }
}

resource "aws_subnet" "kafka" {
  for_each = { for i, zone in var.zones : zone => i }

  vpc_id            = aws_vpc.kafka.id
  availability_zone = each.key
  cidr_block        = cidrsubnet(var.cidr_block, 4, each.value)
  tags              = { Name = "${var.cluster}-${each.key}" }
}

resource "aws_security_group" "nodes" {
  name        = "${var.cluster}-kafka"
  description = "Nodes of the Kafka fleet ${var.cluster}"
  vpc_id      = aws_vpc.kafka.id
}

resource "aws_vpc_security_group_ingress_rule" "nodes" {
  security_group_id            = aws_security_group.nodes.id
  referenced_security_group_id = aws_security_group.nodes.id
  description                  = "Nodes among each other"
  ip_protocol                  = "tcp"
  from_port                    = 9091
  to_port                      = 9091
}

resource "aws_vpc_security_group_ingress_rule" "operators" {
  for_each = toset(var.operators)

  security_group_id = aws_security_group.nodes.id
  cidr_ipv4         = each.value
  description       = "Terraform"
  ip_protocol       = "tcp"
  from_port         = 9091
  to_port           = 9091
}

# 9094 too, where security.client_auth is "both".
resource "aws_vpc_security_group_ingress_rule" "clients" {
  for_each = toset(var.clients)

  security_group_id = aws_security_group.nodes.id
  cidr_ipv4         = each.value
  description       = "Clients of Kafka"
  ip_protocol       = "tcp"
  from_port         = 9092
  to_port           = 9092
}

resource "aws_vpc_security_group_egress_rule" "nodes" {
  security_group_id            = aws_security_group.nodes.id
  referenced_security_group_id = aws_security_group.nodes.id
  description                  = "Nodes among each other"
  ip_protocol                  = "tcp"
  from_port                    = 9091
  to_port                      = 9091
}

resource "aws_vpc_security_group_egress_rule" "endpoints" {
  security_group_id            = aws_security_group.nodes.id
  referenced_security_group_id = aws_security_group.endpoints.id
  description                  = "EC2 and Systems Manager"
  ip_protocol                  = "tcp"
  from_port                    = 443
  to_port                      = 443
}

resource "aws_security_group" "endpoints" {
  name        = "${var.cluster}-endpoints"
  description = "EC2 and Systems Manager for the Kafka fleet ${var.cluster}"
  vpc_id      = aws_vpc.kafka.id
}

resource "aws_vpc_security_group_ingress_rule" "endpoints" {
  security_group_id = aws_security_group.endpoints.id
  cidr_ipv4         = var.cidr_block
  description       = "All of this network"
  ip_protocol       = "tcp"
  from_port         = 443
  to_port           = 443
}

resource "aws_vpc_endpoint" "this" {
  for_each = toset(["ec2", "ssm"])

  vpc_id              = aws_vpc.kafka.id
  service_name        = "com.amazonaws.${var.region}.${each.value}"
  vpc_endpoint_type   = "Interface"
  private_dns_enabled = true
  subnet_ids          = [for zone in var.zones : aws_subnet.kafka[zone].id]
  security_group_ids  = [aws_security_group.endpoints.id]
}

# Brokers on the same hardware would fail together. A group of the strategy "spread" holds seven instances in a zone, one of "partition" hundreds.
resource "aws_placement_group" "kafka" {
  name            = "${var.cluster}-kafka"
  strategy        = "partition"
  partition_count = 7
}
