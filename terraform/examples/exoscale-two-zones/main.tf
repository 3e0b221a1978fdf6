# Two zones of Exoscale: two sites, since a private network is of one zone. A pair of gateways in each.

terraform {
  required_version = ">= 1.9"

  required_providers {
    exoscale = { source = "exoscale/exoscale" }
  }
}

provider "exoscale" {}

locals {
  # The elastic address is on the machine itself: the uplink's own. No `for_each` over the zones: whoever asks a module of many for
  # one address waits for all that is in it.
  public = { geneva = module.geneva.public_addresses, vienna = module.vienna.public_addresses }

  sites = {
    for site_name, site in var.sites : site_name => merge(site, {
      gateways = {
        for name, gateway in site.gateways : name => merge(gateway, { address = local.public[site_name][name] })
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

module "geneva" {
  source = "../../modules/exoscale"

  name            = "geneva"
  zone            = var.zones.geneva.zone
  next_hop        = var.zones.geneva.next_hop
  remote_prefixes = module.interconnect.sites["geneva"].remote_prefixes
  ingress         = module.interconnect.sites["geneva"].ingress
  ssh_keys        = var.ssh_keys
  ssh_sources     = var.ssh_sources
  deb             = var.deb
  gateways        = { for name, lan in var.zones.geneva.lan : name => { lan = lan } }
  gateway_yaml    = { for name, gateway in module.interconnect.sites["geneva"].gateways : name => gateway.yaml }
}

module "vienna" {
  source = "../../modules/exoscale"

  name            = "vienna"
  zone            = var.zones.vienna.zone
  next_hop        = var.zones.vienna.next_hop
  remote_prefixes = module.interconnect.sites["vienna"].remote_prefixes
  ingress         = module.interconnect.sites["vienna"].ingress
  ssh_keys        = var.ssh_keys
  ssh_sources     = var.ssh_sources
  deb             = var.deb
  gateways        = { for name, lan in var.zones.vienna.lan : name => { lan = lan } }
  gateway_yaml    = { for name, gateway in module.interconnect.sites["vienna"].gateways : name => gateway.yaml }
}

output "node_routes" {
  description = "By site, for the cloud-init of nodes."
  value       = { geneva = module.geneva.node_routes, vienna = module.vienna.node_routes }
}
