# What `isthmus render terraform --config interconnect.yaml` prints: terraform.tfvars.json.

variable "interconnect" {
  description = "What all sites share."
  type        = any
}

variable "sites" {
  description = "The sites by name."
  type        = any
}

variable "pairs" {
  description = "Pairs of sites that are not joined as all others are."
  type        = any
}

# What is of the clouds, and not of Isthmus.

variable "deb" {
  description = "The package: where it is, and its SHA-256."
  type        = object({ url = string, sha256 = string })
}

variable "azure" {
  description = "The network of site azure: the gateways' subnet, a free address in it, a zone for each gateway, the route tables of its other subnets, prefixes of its nodes."
  type = object({
    subscription_id     = string
    location            = string
    resource_group_name = string
    subnet_id           = string
    next_hop            = string
    zones               = map(string)
    route_tables        = map(object({ name = string, resource_group_name = string }))
    node_prefixes       = list(string)
    key_vault_name      = string
    vault_sources       = list(string)
    ssh_public_key      = string
  })
}
