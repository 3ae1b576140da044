data "aws_caller_identity" "this" {}
data "aws_partition" "this" {}

locals {
  policy = {
    partition       = data.aws_partition.this.partition
    region          = var.region
    account         = data.aws_caller_identity.this.account_id
    cluster         = var.cluster
    image_parameter = var.image_parameter
    node_role       = aws_iam_role.node.arn
  }
}

# What a node may do: find the controllers, read its spec and its identity, report by tags of its own.
resource "aws_iam_role" "node" {
  name = "${var.cluster}-kafka-node"
  assume_role_policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Action = "sts:AssumeRole", Principal = { Service = "ec2.amazonaws.com" } }]
  })
}

resource "aws_iam_role_policy" "node" {
  name   = "kafkafleet"
  role   = aws_iam_role.node.id
  policy = templatefile("${path.module}/iam/node.json", local.policy)
}

resource "aws_iam_instance_profile" "node" {
  name = aws_iam_role.node.name
  role = aws_iam_role.node.name
}

# What whoever runs Terraform may do. Attach it to that role; hcp/ does.
resource "aws_iam_policy" "operator" {
  name   = "${var.cluster}-kafka-operator"
  policy = templatefile("${path.module}/iam/operator.json", local.policy)
}
