# Two zones of Exoscale: two sites, since a private network is of one zone. A pair of gateways in each.

terraform {
  required_version = ">= 1.9"

  required_providers {
    exoscale = { source = "exoscale/exoscale" }
  }
}

provider "exoscale" {}

locals {
  # The elastic address is on the machine itself: the uplink's own.
  sites = {
    for site_name, site in var.sites : site_name => merge(site, {
      gateways = {
        for name, gateway in site.gateways : name => merge(gateway, { address = module.zone[site_name].public_addresses[name] })
      }
    })
  }
}

module "interconnect" {
  source = "../../modules/interconnect"

  interconnect = var.interconnect
  sites        = local.sites
  pairs        = var.pairs
}

module "zone" {
  source   = "../../modules/exoscale"
  for_each = var.zones

  name            = each.key
  zone            = each.value.zone
  next_hop        = each.value.next_hop
  remote_prefixes = module.interconnect.sites[each.key].remote_prefixes
  ingress         = module.interconnect.sites[each.key].ingress
  ssh_keys        = var.ssh_keys
  ssh_sources     = var.ssh_sources
  deb             = var.deb

  gateways     = { for name, lan in each.value.lan : name => { lan = lan } }
  gateway_yaml = { for name, gateway in module.interconnect.sites[each.key].gateways : name => gateway.yaml }
}

output "node_routes" {
  description = "By site, for the cloud-init of nodes."
  value       = { for name, zone in module.zone : name => zone.node_routes }
}
