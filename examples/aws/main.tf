locals {
  machine = {
    ami_ssm_parameter    = var.image_parameter
    subnet_ids           = { for zone, subnet in aws_subnet.kafka : zone => subnet.id }
    security_group_ids   = [aws_security_group.nodes.id]
    iam_instance_profile = aws_iam_instance_profile.node.name
    placement_group      = aws_placement_group.kafka.name
  }
}

resource "kafkafleet_cluster" "this" {
  name          = var.cluster
  kafka_version = var.kafka_version
  zones         = var.zones
  controllers   = { nodes = 3, instance_type = "c6gd.large", aws = local.machine }

  # They have to outlive the last node.
  depends_on = [aws_iam_role_policy.node, aws_vpc_endpoint.this, aws_vpc_security_group_egress_rule.nodes, aws_vpc_security_group_egress_rule.endpoints,
  aws_vpc_security_group_ingress_rule.nodes, aws_vpc_security_group_ingress_rule.operators]
}

resource "kafkafleet_broker_group" "main" {
  cluster       = kafkafleet_cluster.this.name
  name          = "main"
  brokers       = var.brokers
  instance_type = "i4g.2xlarge"
  kafka_version = kafkafleet_cluster.this.kafka_version

  # Where a zone has no i4g.2xlarge, a larger one of the same zone.
  aws = merge(local.machine, { fallback_instance_types = ["i4g.4xlarge"] })
}

resource "kafkafleet_topic" "orders" {
  cluster            = kafkafleet_broker_group.main.cluster
  name               = "orders"
  partitions         = 24
  replication_factor = 3
}
