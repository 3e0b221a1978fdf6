# A pair of gateways at Azure and a gateway in a datacenter that is there already: fou on the private circuit between them,
# since Azure drops protocol 4.

terraform {
  required_version = ">= 1.9"

  required_providers {
    azurerm = { source = "hashicorp/azurerm" }
  }
}

provider "azurerm" {
  subscription_id = var.azure.subscription_id

  features {}
}

module "interconnect" {
  source = "../../modules/interconnect"

  interconnect = var.interconnect
  # Private addresses at both ends: nothing is known only after it is made.
  sites = var.sites
  pairs = var.pairs
}

module "azure" {
  source = "../../modules/azure"

  name                = "azure"
  location            = var.azure.location
  resource_group_name = var.azure.resource_group_name
  subnet_id           = var.azure.subnet_id
  next_hop            = var.azure.next_hop
  route_tables        = var.azure.route_tables
  node_prefixes       = var.azure.node_prefixes
  key_vault_name      = var.azure.key_vault_name
  vault_sources       = var.azure.vault_sources
  ssh_public_key      = var.azure.ssh_public_key
  owns                = var.sites.azure.owns
  remote_prefixes     = module.interconnect.sites["azure"].remote_prefixes
  ingress             = module.interconnect.sites["azure"].ingress
  deb                 = var.deb
  gateway_yaml        = { for name, gateway in module.interconnect.sites["azure"].gateways : name => gateway.yaml }

  gateways = {
    for name, gateway in var.sites.azure.gateways : name => {
      zone    = var.azure.zones[name]
      address = gateway.address
    }
  }
}

output "secret" {
  description = "Where the site's certificates and keys are to be put."
  value       = module.azure.secret_id
}

output "onprem" {
  description = "gateway.yaml of the datacenter's gateway, and what its firewall must let in."
  value       = { yaml = module.interconnect.sites["onprem"].gateways["d1"].yaml, ingress = module.interconnect.sites["onprem"].ingress }
}
