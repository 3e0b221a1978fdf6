# What the gateways may ask of AWS: move the routes of their own tables, and read their site's secret. Nothing else.

locals {
  ec2 = "arn:${data.aws_partition.current.partition}:ec2:${data.aws_region.current.region}:${data.aws_caller_identity.current.account_id}"
}

data "aws_iam_policy_document" "assume" {
  statement {
    actions = ["sts:AssumeRole"]

    principals {
      type        = "Service"
      identifiers = ["ec2.amazonaws.com"]
    }
  }
}

data "aws_iam_policy_document" "gateway" {
  statement {
    sid     = "MoveOwnRoutes"
    actions = ["ec2:ReplaceRoute"]
    # Their tables, and what such a call names beside: their lists and their interfaces.
    resources = concat(
      [for table in values(var.route_tables) : "${local.ec2}:route-table/${table}"],
      [for list in aws_ec2_managed_prefix_list.remote : list.arn],
      [for interface in aws_network_interface.gateway : interface.arn],
    )
  }

  statement {
    sid       = "ReadOwnSecret"
    actions   = ["secretsmanager:GetSecretValue"]
    resources = [aws_secretsmanager_secret.site.arn]
  }

  dynamic "statement" {
    for_each = var.kms_key_id == null ? [] : [var.kms_key_id]

    content {
      sid       = "DecryptOwnSecret"
      actions   = ["kms:Decrypt"]
      resources = [statement.value]

      condition {
        test     = "StringEquals"
        variable = "kms:ViaService"
        values   = ["secretsmanager.${data.aws_region.current.region}.amazonaws.com"]
      }
    }
  }
}

resource "aws_iam_role" "gateway" {
  name_prefix        = "${var.name}-"
  description        = "isthmus gateways of ${var.name}"
  assume_role_policy = data.aws_iam_policy_document.assume.json
  tags               = local.tags
}

resource "aws_iam_role_policy" "gateway" {
  name   = "isthmus"
  role   = aws_iam_role.gateway.id
  policy = data.aws_iam_policy_document.gateway.json
}

resource "aws_iam_instance_profile" "gateway" {
  name_prefix = "${var.name}-"
  role        = aws_iam_role.gateway.name
  tags        = local.tags
}

# Its value is put there by hand, so that it is in no state: docs/operate/clouds.md.
resource "aws_secretsmanager_secret" "site" {
  name_prefix = "${var.name}-"
  description = "isthmus: certificates and keys of site ${var.name}"
  kms_key_id  = var.kms_key_id
  tags        = local.tags
}
