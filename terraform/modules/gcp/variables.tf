variable "name" {
  description = "Of the site; all that is made bears it."
  type        = string

  validation {
    condition     = can(regex("^[a-z]([a-z0-9-]{0,20}[a-z0-9])?$", var.name))
    error_message = "Names of Google Cloud begin with a letter; at most 22 characters leave room for what is added."
  }
}

variable "project" {
  description = "The project."
  type        = string
}

variable "region" {
  description = "The region; a pair stands in two of its zones."
  type        = string
}

variable "network" {
  description = "The VPC network's self link."
  type        = string
}

variable "subnetwork" {
  description = "The subnetwork of the gateways, its self link."
  type        = string
}

variable "gateways" {
  description = "One gateway, or a pair in two zones, by name: the zone, the private address in the subnetwork."
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
  description = "Prefixes of the other sites, which the network routes to the gateways (of module interconnect)."
  type        = list(string)

  validation {
    condition     = alltrue([for prefix in var.remote_prefixes : !strcontains(prefix, ":")])
    error_message = "A route to an internal load balancer is IPv4 here."
  }
}

variable "ingress" {
  description = "What other sites' gateways may send (of module interconnect)."
  type        = map(object({ cidr = string, protocol = string, from = optional(number), to = optional(number) }))

  validation {
    condition     = alltrue([for rule in values(var.ingress) : !endswith(rule.cidr, "/0")])
    error_message = "Nothing is for anybody: an ingress rule names an address."
  }
}

variable "bgp_sources" {
  description = "Prefixes that may open BGP sessions (routers, nodes)."
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

variable "cloud_router" {
  description = "BGP with a Cloud Router: the hub of Network Connectivity Center, the router's AS and its two addresses in the subnetwork, and the AS that the gateways are to it (`peers[].localAs`). Null: none."
  type        = object({ hub = string, asn = number, addresses = list(string), gateway_asn = number })
  default     = null

  validation {
    condition     = var.cloud_router == null ? true : length(var.cloud_router.addresses) == 2
    error_message = "A Cloud Router has two interfaces: give two addresses."
  }
}

variable "deb" {
  description = "The package for a stock Debian 12: where it is, and its SHA-256. Null where the image has it."
  type        = object({ url = string, sha256 = string })
  default     = null
}

variable "image" {
  description = "The self link of an image that is there already. Null: `appliance`, or Debian's newest 12."
  type        = string
  default     = null
}

variable "appliance" {
  description = "The appliance's disk (disk.raw in a tar.gz) in a bucket, to be imported."
  type        = object({ source = string, version = string })
  default     = null
}

variable "machine_type" {
  description = "Two cores or more."
  type        = string
  default     = "e2-highcpu-2"
}

variable "disk_gb" {
  description = "Of the boot disk."
  type        = number
  default     = 16
}

variable "secure_boot" {
  description = "Only with an image whose kernel and modules are signed."
  type        = bool
  default     = true
}

variable "kms_key" {
  description = "The key for disk, image and secret. Null: Google's own key."
  type        = string
  default     = null
}

variable "labels" {
  description = "Of all that is made and can have labels."
  type        = map(string)
  default     = {}
}
