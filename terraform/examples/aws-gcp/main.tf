# A pair of gateways at AWS and a pair at Google Cloud, joined by WireGuard over the internet.

terraform {
  required_version = ">= 1.9"

  required_providers {
    aws    = { source = "hashicorp/aws" }
    google = { source = "hashicorp/google" }
  }
}

provider "aws" {
  region = var.aws.region
}

provider "google" {
  project = var.gcp.project
  region  = var.gcp.region
}

locals {
  # Addresses that are only made here.
  public = { aws = module.aws.public_addresses, gcp = module.gcp.public_addresses }

  sites = {
    for site_name, site in var.sites : site_name => merge(site, {
      gateways = {
        for name, gateway in site.gateways : name => merge(gateway, { public = try(local.public[site_name][name], gateway.public) })
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

module "aws" {
  source = "../../modules/aws"

  name            = "aws"
  vpc_id          = var.aws.vpc_id
  route_tables    = var.aws.route_tables
  node_prefixes   = var.aws.node_prefixes
  owns            = var.sites.aws.owns
  remote_prefixes = module.interconnect.sites["aws"].remote_prefixes
  ingress         = module.interconnect.sites["aws"].ingress
  deb             = var.deb
  gateway_yaml    = { for name, gateway in module.interconnect.sites["aws"].gateways : name => gateway.yaml }

  gateways = {
    for name, gateway in var.sites.aws.gateways : name => {
      subnet_id = var.aws.subnet_ids[name]
      address   = gateway.address
    }
  }
}

module "gcp" {
  source = "../../modules/gcp"

  name            = "gcp"
  project         = var.gcp.project
  region          = var.gcp.region
  network         = var.gcp.network
  subnetwork      = var.gcp.subnetwork
  node_prefixes   = var.gcp.node_prefixes
  owns            = var.sites.gcp.owns
  remote_prefixes = module.interconnect.sites["gcp"].remote_prefixes
  ingress         = module.interconnect.sites["gcp"].ingress
  deb             = var.deb
  gateway_yaml    = { for name, gateway in module.interconnect.sites["gcp"].gateways : name => gateway.yaml }

  gateways = {
    for name, gateway in var.sites.gcp.gateways : name => {
      zone    = var.gcp.zones[name]
      address = gateway.address
    }
  }
}

output "secrets" {
  description = "Where each site's certificates and keys are to be put."
  value       = { aws = module.aws.secret_id, gcp = module.gcp.secret_id }
}
