terraform {
  required_version = ">= 1.9"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 6.0, < 7.0"
    }
  }
}

data "aws_region" "current" {}
data "aws_caller_identity" "current" {}
data "aws_partition" "current" {}

data "aws_ami" "debian" {
  count       = var.image_id == null && var.appliance == null ? 1 : 0
  most_recent = true
  owners      = ["136693071363"] # Debian's own account

  filter {
    name   = "name"
    values = ["debian-12-amd64-*"]
  }
}

# The appliance's raw disk, from a bucket to an image.
resource "aws_ebs_snapshot_import" "appliance" {
  count       = var.appliance == null ? 0 : 1
  description = "isthmus ${var.appliance.version}"
  encrypted   = true
  kms_key_id  = var.kms_key_id
  role_name   = var.appliance.import_role
  tags        = local.tags

  disk_container {
    format = "RAW"

    user_bucket {
      s3_bucket = var.appliance.bucket
      s3_key    = var.appliance.key
    }
  }
}

resource "aws_ami" "appliance" {
  count               = var.appliance == null ? 0 : 1
  name                = "${var.name}-${var.appliance.version}"
  architecture        = "x86_64"
  boot_mode           = "uefi-preferred"
  ena_support         = true
  imds_support        = "v2.0"
  root_device_name    = "/dev/xvda"
  virtualization_type = "hvm"
  tags                = local.tags

  ebs_block_device {
    device_name = "/dev/xvda"
    snapshot_id = aws_ebs_snapshot_import.appliance[0].id
    volume_type = "gp3"
  }
}

locals {
  tags  = merge(var.tags, { "isthmus-site" = var.name })
  names = sort(keys(var.gateways))

  image_id = (
    var.image_id != null ? var.image_id :
    var.appliance != null ? aws_ami.appliance[0].id :
    data.aws_ami.debian[0].id
  )

  # The one whose name comes first is preferred, as the gateways themselves have it.
  preferred = local.names[0]
  twin_of   = { for name in local.names : name => [for other in local.names : other if other != name] }

  take_routes = "/var/lib/isthmus-cloud/take-routes"

  # Of a pair the gateways move the VPC's routes (`isthmus watch-routes`); what gateway.yaml says of it itself counts.
  gateway_yaml = {
    for name in local.names : name => length(local.names) < 2 ? var.gateway_yaml[name] : yamlencode(merge({
      routeTable = {
        command = [local.take_routes]
        listen  = "${var.gateways[name].address}:9635"
        twin    = "${var.gateways[local.twin_of[name][0]].address}:9635"
      }
    }, yamldecode(var.gateway_yaml[name])))
  }

  # A list a family, so that a gateway takes all prefixes of one table by one call, also those that come later.
  families = {
    for family, prefixes in {
      IPv4 = [for prefix in var.remote_prefixes : prefix if !strcontains(prefix, ":")]
      IPv6 = [for prefix in var.remote_prefixes : prefix if strcontains(prefix, ":")]
    } : family => prefixes if length(prefixes) > 0
  }

  routes = merge([
    for name, table in var.route_tables : {
      for family in keys(local.families) : "${name} ${family}" => { table = table, family = family }
    }
  ]...)
}

# --- addresses -------------------------------------------------------------------------------------------------------

resource "aws_eip" "gateway" {
  for_each = var.gateways
  domain   = "vpc"
  tags     = merge(local.tags, { Name = "${var.name}-${each.key}" })
}

resource "aws_network_interface" "gateway" {
  for_each        = var.gateways
  description     = "isthmus ${var.name}-${each.key}"
  subnet_id       = each.value.subnet_id
  private_ips     = [each.value.address]
  security_groups = [aws_security_group.gateway.id]
  # It forwards what others send.
  source_dest_check = false
  tags              = merge(local.tags, { Name = "${var.name}-${each.key}" })
}

resource "aws_eip_association" "gateway" {
  for_each             = var.gateways
  allocation_id        = aws_eip.gateway[each.key].id
  network_interface_id = aws_network_interface.gateway[each.key].id
}

# --- machines --------------------------------------------------------------------------------------------------------

module "bootstrap" {
  source   = "../bootstrap"
  for_each = var.gateways

  gateway_yaml = local.gateway_yaml[each.key]
  deb          = var.deb
  fetch_secrets = templatefile("${path.module}/fetch-secrets.sh.tftpl", {
    region = data.aws_region.current.region
    secret = aws_secretsmanager_secret.site.arn
  })

  # One gateway has the routes from the beginning, and nobody to give them to.
  files = length(local.names) < 2 ? {} : {
    (local.take_routes)                                = { content = file("${path.module}/take-routes.sh"), mode = "0755" }
    "/etc/systemd/system/isthmus-watch-routes.service" = { content = file("${path.module}/isthmus-watch-routes.service"), mode = "0644" }
    "/var/lib/isthmus-cloud/take-routes.env" = {
      mode = "0644"
      content = join("", [
        "REGION='${data.aws_region.current.region}'\n",
        "INTERFACE='${aws_network_interface.gateway[each.key].id}'\n",
        "TABLES='${join(" ", values(var.route_tables))}'\n",
        "LISTS='${join(" ", [for list in aws_ec2_managed_prefix_list.remote : list.id])}'\n",
      ])
    }
  }
  units = length(local.names) < 2 ? [] : ["isthmus-watch-routes.service"]
}

resource "aws_instance" "gateway" {
  for_each             = var.gateways
  ami                  = local.image_id
  instance_type        = var.instance_type
  iam_instance_profile = aws_iam_instance_profile.gateway.name
  key_name             = var.key_name
  user_data            = module.bootstrap[each.key].user_data
  tags                 = merge(local.tags, { Name = "${var.name}-${each.key}" })

  primary_network_interface {
    network_interface_id = aws_network_interface.gateway[each.key].id
  }

  metadata_options {
    http_endpoint               = "enabled"
    http_tokens                 = "required"
    http_put_response_hop_limit = 1
  }

  root_block_device {
    encrypted   = true
    kms_key_id  = var.kms_key_id
    volume_size = var.disk_gb
    volume_type = "gp3"
    tags        = local.tags
  }

  lifecycle {
    # A newer image, or another gateway.yaml, must not take a gateway away that forwards: see docs/operate/clouds.md.
    ignore_changes = [ami, user_data]
  }
}

# --- routes of the VPC -----------------------------------------------------------------------------------------------

resource "aws_ec2_managed_prefix_list" "remote" {
  for_each       = local.families
  name           = "${var.name}-remote-${lower(each.key)}"
  address_family = each.key
  # A route to the list counts as so many routes of its table.
  max_entries = var.most_prefixes
  tags        = local.tags

  dynamic "entry" {
    for_each = each.value

    content {
      cidr        = entry.value
      description = "by the isthmus gateways of ${var.name}"
    }
  }
}

resource "aws_route" "remote" {
  for_each                   = local.routes
  route_table_id             = each.value.table
  destination_prefix_list_id = aws_ec2_managed_prefix_list.remote[each.value.family].id
  network_interface_id       = aws_network_interface.gateway[local.preferred].id

  lifecycle {
    # The gateways move it (take-routes.sh).
    ignore_changes = [network_interface_id]
  }
}
