# Security groups are of the public side: the private network is not filtered.

locals {
  own_rules = merge(
    { for prefix in var.bgp_sources : "bgp ${prefix}" => { cidr = prefix, protocol = "tcp", from = 179, to = 179 } },
    { for prefix in var.etcd_sources : "etcd ${prefix}" => { cidr = prefix, protocol = "tcp", from = 2379, to = 2379 } },
    { for prefix in var.metrics_sources : "metrics ${prefix}" => { cidr = prefix, protocol = "tcp", from = 9633, to = 9633 } },
    { for prefix in var.ssh_sources : "ssh ${prefix}" => { cidr = prefix, protocol = "tcp", from = 22, to = 22 } },
  )
}

resource "exoscale_security_group" "gateway" {
  name        = var.name
  description = "isthmus gateways of ${var.name}"
}

resource "exoscale_security_group_rule" "gateway" {
  for_each          = merge(var.ingress, local.own_rules)
  security_group_id = exoscale_security_group.gateway.id
  description       = each.key
  type              = "INGRESS"
  protocol          = each.value.protocol == "4" ? "IPIP" : upper(each.value.protocol)
  cidr              = each.value.cidr
  start_port        = each.value.from
  end_port          = each.value.to
}
