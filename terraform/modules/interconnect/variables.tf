variable "interconnect" {
  description = "What all sites share: the pools that inner addresses are cut from (one IPv4 prefix, at most one IPv6 prefix beside it), what becomes of a flow that no policy decides, sites whose global policies count, and the encapsulation of pairs that name none."
  type = object({
    inner         = list(string)
    default       = string
    authorities   = list(string)
    encapsulation = optional(string, "wireguard")
  })

  validation {
    condition     = contains(["allow", "deny"], var.interconnect.default)
    error_message = "interconnect.default must be allow or deny."
  }
  validation {
    condition     = contains(["ipip", "fou", "wireguard"], var.interconnect.encapsulation)
    error_message = "interconnect.encapsulation must be ipip, fou or wireguard."
  }
  validation {
    condition     = alltrue([for prefix in var.interconnect.inner : can(cidrhost(prefix, 0))]) && length([for prefix in var.interconnect.inner : prefix if !strcontains(prefix, ":")]) == 1 && length(var.interconnect.inner) <= 2
    error_message = "interconnect.inner must be one IPv4 prefix, and at most one IPv6 prefix beside it."
  }
  validation {
    condition     = length(var.interconnect.authorities) > 0
    error_message = "interconnect.authorities must name a site."
  }
}

variable "sites" {
  description = "The sites by name. `number` (of a site, and of a gateway inside it) decides the inner addresses: it is given once and never changed, or used again. `public` is the address that others send to, where it differs from the gateway's own; `private` the one at which metrics are read and the twin asks, where that is not `address`. `etcd_at` is where other sites read the export; without it port 2379 of the gateways. `extra` is JSON: further keys of gateway.yaml (nodes, static, peers, lan), of all gateways or of one."
  type = map(object({
    number         = number
    fabric         = string
    as             = number
    owns           = list(string)
    infrastructure = optional(list(string), [])
    etcd_at        = optional(list(string), [])
    extra          = optional(string, "{}")
    datastore = object({
      kind      = optional(string, "calico")
      endpoints = list(string)
    })
    gateways = map(object({
      number  = number
      address = string
      public  = optional(string)
      private = optional(string)
      device  = optional(string)
      extra   = optional(string, "{}")
    }))
  }))

  validation {
    condition     = alltrue([for site in values(var.sites) : contains(["aws", "gcp", "azure", "exoscale", "onprem"], site.fabric)])
    error_message = "A site's fabric must be aws, gcp, azure, exoscale or onprem."
  }
  validation {
    condition     = length(distinct([for site in values(var.sites) : site.number])) == length(var.sites)
    error_message = "Two sites have one number: their inner addresses would be the same."
  }
  validation {
    condition     = alltrue([for site in values(var.sites) : length(distinct([for gateway in values(site.gateways) : gateway.number])) == length(site.gateways)])
    error_message = "Two gateways of a site have one number: their inner addresses would be the same."
  }
  validation {
    condition     = alltrue(flatten([for site in values(var.sites) : [for gateway in values(site.gateways) : gateway.number >= 0 && gateway.number <= 7]]))
    error_message = "A gateway's number must be 0 to 7."
  }
  validation {
    condition     = alltrue([for site in values(var.sites) : length(site.gateways) >= 1 && length(site.gateways) <= 2])
    error_message = "A site has one gateway, or two."
  }
  validation {
    condition     = alltrue([for name in keys(var.sites) : can(regex("^[a-z0-9]([a-z0-9-]{0,30}[a-z0-9])?$", name))])
    error_message = "A site's name is lower-case letters, digits and inner hyphens, at most 32 characters."
  }

  validation {
    condition = alltrue([
      for site in values(var.sites) : length(setintersection(
        flatten([keys(jsondecode(site.extra)), [for gateway in values(site.gateways) : keys(jsondecode(gateway.extra))]]),
        ["version", "site", "gateway", "twin", "as", "interconnect", "default", "owns", "infrastructure", "authorities", "metrics", "uplinks", "datastores", "sites", "fou"],
      )) == 0
    ])
    error_message = "extra has a key of gateway.yaml that follows from the rest."
  }
}

variable "pairs" {
  description = "Pairs of sites that are not joined as all others are: another encapsulation, or BFD as for a private network."
  type = list(object({
    between       = list(string)
    encapsulation = optional(string)
    bfd           = optional(string, "internet")
  }))
  default = []

  validation {
    condition     = alltrue([for pair in var.pairs : length(distinct(pair.between)) == 2])
    error_message = "A pair is between two sites."
  }
  validation {
    condition     = length(distinct([for pair in var.pairs : join("/", sort(pair.between))])) == length(var.pairs)
    error_message = "Two sites are a pair once."
  }
  validation {
    condition     = alltrue([for pair in var.pairs : contains(["ipip", "fou", "wireguard"], coalesce(pair.encapsulation, "ipip")) && contains(["private", "internet"], pair.bfd)])
    error_message = "A pair's encapsulation must be ipip, fou or wireguard, its bfd private or internet."
  }
}
