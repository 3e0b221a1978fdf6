variable "name" {
  description = "Of the site; all that is made bears it."
  type        = string
}

variable "vpc_id" {
  description = "The VPC of the site."
  type        = string
}

variable "gateways" {
  description = "One gateway, or a pair in two zones, by name: the subnet and the private address in it."
  type        = map(object({ subnet_id = string, address = string }))

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
  description = "Prefixes of the other sites, which `route_tables` lead to the gateway (of module interconnect)."
  type        = list(string)
}

variable "route_tables" {
  description = "The route tables of the site's subnets, by any name: id."
  type        = map(string)
}

variable "most_prefixes" {
  description = "Room for so many remote prefixes of a family: each route table has so many routes less for others."
  type        = number
  default     = 20
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
  description = "The appliance's raw disk in a bucket, to be imported; `import_role` is the role of VM Import."
  type        = object({ bucket = string, key = string, version = string, import_role = optional(string) })
  default     = null
}

variable "instance_type" {
  description = "Two cores or more."
  type        = string
  default     = "c7i.large"
}

variable "disk_gb" {
  description = "Of the root disk, which is encrypted."
  type        = number
  default     = 16
}

variable "kms_key_id" {
  description = "ARN of the key for disks, image and secret. Null: AWS' own key."
  type        = string
  default     = null
}

variable "key_name" {
  description = "SSH key pair. Null: nobody logs in."
  type        = string
  default     = null
}

variable "tags" {
  description = "Of all that is made."
  type        = map(string)
  default     = {}
}
