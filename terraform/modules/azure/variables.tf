variable "name" {
  description = "Of the site; all that is made bears it."
  type        = string
}

variable "location" {
  description = "The region; a pair stands in two of its zones."
  type        = string
}

variable "resource_group_name" {
  description = "Where all is made."
  type        = string
}

variable "subnet_id" {
  description = "The subnet of gateways and load balancer, with the service endpoint Microsoft.KeyVault."
  type        = string
}

variable "next_hop" {
  description = "A free address of the subnet, for the load balancer that routes lead to."
  type        = string
}

variable "gateways" {
  description = "One gateway, or a pair in two zones, by name: the zone and the private address in the subnet."
  type        = map(object({ zone = string, address = string }))

  validation {
    condition     = length(var.gateways) >= 1 && length(var.gateways) <= 2
    error_message = "A site has one gateway, or two."
  }
}

variable "gateway_yaml" {
  description = "gateway.yaml of each, by name (of module interconnect). Not in `gateways`: addresses must be known before it is."
  type        = map(string)
}

variable "owns" {
  description = "The site's own prefixes (pods): gateways forward what comes from them."
  type        = list(string)
}

variable "node_prefixes" {
  description = "Prefixes of the site's nodes and hosts that have the gateway as their way."
  type        = list(string)
  default     = []
}

variable "remote_prefixes" {
  description = "Prefixes of the other sites, which `route_tables` lead to the gateways (of module interconnect)."
  type        = list(string)
}

variable "route_tables" {
  description = "The route tables of the site's subnets, by any name. Not that of the gateways' own subnet."
  type        = map(object({ name = string, resource_group_name = string }))
}

variable "ingress" {
  description = "What other sites' gateways may send (of module interconnect)."
  type        = map(object({ cidr = string, protocol = string, from = optional(number), to = optional(number) }))

  validation {
    condition     = alltrue([for rule in values(var.ingress) : !endswith(rule.cidr, "/0")])
    error_message = "Nothing is for anybody: an ingress rule names an address."
  }
  validation {
    condition     = alltrue([for rule in values(var.ingress) : contains(["tcp", "udp"], rule.protocol)])
    error_message = "Azure drops IP protocols 4 and 41: take wireguard or fou."
  }
}

variable "bgp_sources" {
  description = "Prefixes that may open BGP sessions (routers, nodes): the Route Server's subnet, where there is one."
  type        = list(string)
  default     = []
}

variable "etcd_sources" {
  description = "Prefixes that may reach an etcd on the gateways, beside the peers of `ingress`."
  type        = list(string)
  default     = []
}

variable "metrics_sources" {
  description = "Prefixes that may read metrics."
  type        = list(string)
  default     = []
}

variable "ssh_sources" {
  description = "Prefixes that may log in by SSH."
  type        = list(string)
  default     = []
}

variable "vault_sources" {
  description = "Public addresses from which the site's secret is put into the vault."
  type        = list(string)
  default     = []
}

variable "route_server" {
  description = "BGP with a Route Server: its subnet (RouteServerSubnet), and the AS that the gateways are to it (`peers[].localAs`), which has 16 bits. Null: none."
  type        = object({ subnet_id = string, gateway_asn = number, branch_to_branch = optional(bool, false) })
  default     = null

  validation {
    condition     = var.route_server == null ? true : var.route_server.gateway_asn <= 65535 && !contains([65515, 65517, 65518, 65519, 65520, 8074, 8075, 12076], var.route_server.gateway_asn)
    error_message = "A Route Server takes AS numbers of 16 bits only, and none of Azure's own."
  }
}

variable "key_vault_name" {
  description = "Of the vault for the site's secret: unique in all of Azure, 3 to 24 letters, digits and hyphens."
  type        = string
}

variable "ssh_public_key" {
  description = "Azure makes no machine without; nobody reaches SSH but `ssh_sources`."
  type        = string
}

variable "deb" {
  description = "The package for a stock Debian 12: where it is, and its SHA-256. Null where the image has it."
  type        = object({ url = string, sha256 = string })
  default     = null
}

variable "image_id" {
  description = "An image that is there already. Null: `appliance`, or Debian's newest 12."
  type        = string
  default     = null
}

variable "appliance" {
  description = "The appliance's disk (a fixed VHD) as a page blob, to be imported."
  type        = object({ blob_uri = string, version = string })
  default     = null
}

variable "size" {
  description = "Two cores or more."
  type        = string
  default     = "Standard_D2s_v5"
}

variable "accelerated_networking" {
  description = "Most sizes have it."
  type        = bool
  default     = true
}

variable "secure_boot" {
  description = "Only with an image whose kernel and modules are signed."
  type        = bool
  default     = true
}

variable "disk_gb" {
  description = "Of the disk, which is encrypted, at the host too."
  type        = number
  default     = 30
}

variable "disk_encryption_set_id" {
  description = "Of a key of one's own. Null: Azure's own key."
  type        = string
  default     = null
}

variable "tags" {
  description = "Of all that is made."
  type        = map(string)
  default     = {}
}
