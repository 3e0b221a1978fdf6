locals {
  # What the gateways' own site sends: nodes, pods and hosts that have the gateway as their way, and the twin.
  from_own_site = concat(var.owns, var.node_prefixes)

  own_rules = merge(
    { for prefix in local.from_own_site : "forwarded ${prefix}" => { cidr = prefix, protocol = "-1", from = null, to = null } },
    length(local.names) < 2 ? {} : {
      for name in local.names : "twin ${name}" => { cidr = "${var.gateways[name].address}/32", protocol = "-1", from = null, to = null }
    },
    { for prefix in var.bgp_sources : "bgp ${prefix}" => { cidr = prefix, protocol = "tcp", from = 179, to = 179 } },
    { for prefix in var.etcd_sources : "etcd ${prefix}" => { cidr = prefix, protocol = "tcp", from = 2379, to = 2379 } },
    { for prefix in var.metrics_sources : "metrics ${prefix}" => { cidr = prefix, protocol = "tcp", from = 9633, to = 9633 } },
    length(local.names) < 2 ? {} : {
      for prefix in var.metrics_sources : "routes ${prefix}" => { cidr = prefix, protocol = "tcp", from = 9635, to = 9635 }
    },
    { for prefix in var.ssh_sources : "ssh ${prefix}" => { cidr = prefix, protocol = "tcp", from = 22, to = 22 } },
  )
}

resource "aws_security_group" "gateway" {
  name_prefix = "${var.name}-"
  description = "isthmus gateways of ${var.name}"
  vpc_id      = var.vpc_id
  tags        = merge(local.tags, { Name = var.name })
}

resource "aws_vpc_security_group_ingress_rule" "gateway" {
  for_each          = merge(var.ingress, local.own_rules)
  security_group_id = aws_security_group.gateway.id
  description       = each.key
  cidr_ipv4         = strcontains(each.value.cidr, ":") ? null : each.value.cidr
  cidr_ipv6         = strcontains(each.value.cidr, ":") ? each.value.cidr : null
  ip_protocol       = each.value.protocol
  from_port         = each.value.from
  to_port           = each.value.to
  tags              = local.tags
}

# Gateways forward to whatever policy allows: nftables decides, and is closed until it does.
resource "aws_vpc_security_group_egress_rule" "all" {
  for_each          = { ipv4 = "0.0.0.0/0", ipv6 = "::/0" }
  security_group_id = aws_security_group.gateway.id
  description       = "what policy allows, ${each.key}"
  cidr_ipv4         = each.key == "ipv4" ? each.value : null
  cidr_ipv6         = each.key == "ipv6" ? each.value : null
  ip_protocol       = "-1"
  tags              = local.tags
}
