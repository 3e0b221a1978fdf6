variable "name" {
  description = "Of the site; all that is made bears it."
  type        = string
}

variable "zone" {
  description = "The zone. A private network is of one zone, so two zones are two sites."
  type        = string
}

variable "gateways" {
  description = "One gateway, or a pair on two machines, by name: the address and length on the private network."
  type        = map(object({ lan = string }))

  validation {
    condition     = length(var.gateways) >= 1 && length(var.gateways) <= 2
    error_message = "A site has one gateway, or two."
  }
  validation {
    condition     = alltrue([for gateway in values(var.gateways) : can(cidrhost(gateway.lan, 0))])
    error_message = "gateways[].lan is an address with its length, such as 10.3.0.2/24."
  }
}

variable "gateway_yaml" {
  description = "gateway.yaml of each, by name (of module interconnect). Its uplink's address is the elastic one, its device eth0. Not in `gateways`: addresses must be known before it is."
  type        = map(string)
}

variable "next_hop" {
  description = "A free address of the private network, which the pair moves: nodes have it as their way to `remote_prefixes`. A single gateway's own."
  type        = string
}

variable "private_network_id" {
  description = "The private network of the site's nodes. Null: it is made."
  type        = string
  default     = null
}

variable "remote_prefixes" {
  description = "Prefixes of the other sites (of module interconnect): what nodes must send to `next_hop`."
  type        = list(string)
}

variable "ingress" {
  description = "What other sites' gateways may send (of module interconnect)."
  type        = map(object({ cidr = string, protocol = string, from = optional(number), to = optional(number) }))

  validation {
    condition     = alltrue([for rule in values(var.ingress) : !endswith(rule.cidr, "/0")])
    error_message = "Nothing is for anybody: an ingress rule names an address."
  }
  validation {
    condition     = alltrue([for rule in values(var.ingress) : contains(["tcp", "udp", "4"], rule.protocol)])
    error_message = "Exoscale's security groups know no IP protocol 41: take wireguard or fou, or no IPv6 inside."
  }
}

variable "bgp_sources" {
  description = "Public prefixes that may open BGP sessions. Nodes come by the private network."
  type        = list(string)
  default     = []
}

variable "etcd_sources" {
  description = "Public prefixes that may reach an etcd on the gateways, beside the peers of `ingress`."
  type        = list(string)
  default     = []
}

variable "metrics_sources" {
  description = "Public prefixes that may read metrics."
  type        = list(string)
  default     = []
}

variable "ssh_sources" {
  description = "Public prefixes that may log in by SSH: secrets are brought so."
  type        = list(string)
  default     = []
}

variable "ssh_keys" {
  description = "Names of SSH keys."
  type        = list(string)
  default     = []
}

variable "deb" {
  description = "The package for a stock Debian 12: where it is, and its SHA-256. Null where the image has it."
  type        = object({ url = string, sha256 = string })
  default     = null
}

variable "template_id" {
  description = "A template that is there already. Null: `appliance`, or Exoscale's Debian 12."
  type        = string
  default     = null
}

variable "appliance" {
  description = "The appliance's disk (qcow2) at an address, to be imported; Exoscale asks for its MD5."
  type        = object({ url = string, md5 = string, version = string })
  default     = null
}

variable "type" {
  description = "Two cores or more."
  type        = string
  default     = "standard.medium"
}

variable "disk_gb" {
  description = "Of the disk."
  type        = number
  default     = 16
}

variable "labels" {
  description = "Of all that is made and can have labels."
  type        = map(string)
  default     = {}
}
