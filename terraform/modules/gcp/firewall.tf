locals {
  # Google's health checks come from these, everywhere and always.
  health_checkers = ["35.191.0.0/16", "130.211.0.0/22"]

  own_rules = merge(
    { for prefix in concat(var.owns, var.node_prefixes) : "forwarded-${prefix}" => { cidr = prefix, protocol = "all", from = null, to = null } },
    length(local.names) < 2 ? {} : {
      for name in local.names : "twin-${name}" => { cidr = "${var.gateways[name].address}/32", protocol = "all", from = null, to = null }
    },
    { for prefix in local.health_checkers : "health-${prefix}" => { cidr = prefix, protocol = "tcp", from = 9634, to = 9634 } },
    { for prefix in var.bgp_sources : "bgp-${prefix}" => { cidr = prefix, protocol = "tcp", from = 179, to = 179 } },
    { for prefix in var.etcd_sources : "etcd-${prefix}" => { cidr = prefix, protocol = "tcp", from = 2379, to = 2379 } },
    { for prefix in var.metrics_sources : "metrics-${prefix}" => { cidr = prefix, protocol = "tcp", from = 9633, to = 9633 } },
    { for prefix in var.ssh_sources : "ssh-${prefix}" => { cidr = prefix, protocol = "tcp", from = 22, to = 22 } },
  )
}

resource "google_compute_firewall" "gateway" {
  for_each      = merge(var.ingress, local.own_rules)
  name          = "${var.name}-${substr(sha256(each.key), 0, 12)}"
  description   = each.key
  project       = var.project
  network       = var.network
  direction     = "INGRESS"
  source_ranges = [each.value.cidr]
  target_tags   = [local.tag]

  allow {
    protocol = each.value.protocol
    ports    = each.value.from == null ? [] : ["${each.value.from}-${each.value.to}"]
  }
}
