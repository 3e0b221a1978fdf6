# Wires sites: no resource and no provider, so it can be planned anywhere. The same rules as
# `isthmus render gateway`, which the tests hold it to.

terraform {
  required_version = ">= 1.9"
}

locals {
  # Of each pool a site has sixteen addresses, and each of its gateways the two of its number.
  addresses_a_site    = 16
  addresses_a_gateway = 2

  has_ipv6 = length([for prefix in var.interconnect.inner : prefix if strcontains(prefix, ":")]) > 0

  gateways = merge([
    for site_name, site in var.sites : {
      for name, gateway in site.gateways : "${site_name}/${name}" => {
        site    = site_name
        name    = name
        fabric  = site.fabric
        address = gateway.address
        public  = gateway.public
        device  = gateway.device
        private = gateway.private == null ? gateway.address : gateway.private
        outer   = gateway.public == null ? gateway.address : gateway.public
        extra   = gateway.extra
        twins   = [for other in keys(site.gateways) : other if other != name]
        inner = flatten([
          for pool in var.interconnect.inner : [
            for slot in range(local.addresses_a_gateway) :
            cidrhost(pool, site.number * local.addresses_a_site + gateway.number * local.addresses_a_gateway + slot)
          ]
        ])
      }
    }
  ]...)

  pairs = { for pair in var.pairs : join("/", sort(pair.between)) => pair }

  # How each site is joined to each other one.
  links = {
    for site in keys(var.sites) : site => {
      for other in keys(var.sites) : other => {
        encapsulation = try(coalesce(local.pairs[join("/", sort([site, other]))].encapsulation), var.interconnect.encapsulation)
        bfd           = try(local.pairs[join("/", sort([site, other]))].bfd, "internet")
      } if other != site
    }
  }

  etcd_at = {
    for site_name, site in var.sites : site_name => length(site.etcd_at) > 0 ? site.etcd_at : [
      for gateway in values(local.gateways) : "https://${strcontains(gateway.outer, ":") ? "[${gateway.outer}]" : gateway.outer}:2379" if gateway.site == site_name
    ]
  }

  # WireGuard's ports are given one by one from 51820 on: one a tunnel, and one more while its key changes.
  wireguard_tunnels = {
    for site in keys(var.sites) : site => length([
      for gateway in values(local.gateways) : gateway if gateway.site != site && try(local.links[site][gateway.site].encapsulation == "wireguard", false)
    ])
  }

  configurations = {
    for key, gateway in local.gateways : key => merge(
      jsondecode(var.sites[gateway.site].extra),
      jsondecode(gateway.extra),
      {
        version      = 1
        site         = gateway.site
        gateway      = gateway.name
        as           = var.sites[gateway.site].as
        interconnect = var.interconnect.inner
        default      = var.interconnect.default
        owns         = var.sites[gateway.site].owns
        authorities  = var.interconnect.authorities
        metrics      = { listen = strcontains(gateway.private, ":") ? "[${gateway.private}]:9633" : "${gateway.private}:9633" }
        uplinks = [merge(
          { name = "wan", address = gateway.address, inner = gateway.inner },
          gateway.public == null ? {} : { public = gateway.public },
          gateway.device == null ? {} : { device = gateway.device },
        )]
        datastores = [{
          name      = "main"
          kind      = var.sites[gateway.site].datastore.kind
          endpoints = var.sites[gateway.site].datastore.endpoints
          tls       = { ca = "/etc/isthmus/tls/ca.pem", cert = "/etc/isthmus/tls/gateway.pem", key = "/etc/isthmus/tls/gateway.key" }
          export    = {}
        }]
        sites = {
          for other, link in local.links[gateway.site] : other => {
            owns          = var.sites[other].owns
            endpoints     = local.etcd_at[other]
            encapsulation = link.encapsulation
            bfd           = link.bfd
            tls = {
              ca   = "/etc/isthmus/sites/${other}/ca.pem"
              cert = "/etc/isthmus/sites/${other}/client.pem"
              key  = "/etc/isthmus/sites/${other}/client.key"
            }
          }
        }
      },
      length(gateway.twins) == 0 ? {} : { twin = gateway.twins[0] },
      length(var.sites[gateway.site].infrastructure) == 0 ? {} : { infrastructure = var.sites[gateway.site].infrastructure },
    )
  }

  # What a site's firewall lets in, by peer: nothing of it is for anybody else.
  ingress = {
    for site in keys(var.sites) : site => merge([
      for key, gateway in local.gateways : merge(
        local.links[site][gateway.site].encapsulation == "ipip" ? merge(
          { "${gateway.site}-${gateway.name}-ipip" = { protocol = "4", from = null, to = null } },
          local.has_ipv6 ? { "${gateway.site}-${gateway.name}-sit" = { protocol = "41", from = null, to = null } } : {},
        ) : {},
        local.links[site][gateway.site].encapsulation == "fou" ? {
          "${gateway.site}-${gateway.name}-fou" = { protocol = "udp", from = 5555, to = local.has_ipv6 ? 5556 : 5555 }
        } : {},
        local.links[site][gateway.site].encapsulation == "wireguard" ? {
          "${gateway.site}-${gateway.name}-wireguard" = { protocol = "udp", from = 51820, to = 51819 + 2 * local.wireguard_tunnels[site] }
        } : {},
        length(var.sites[site].etcd_at) == 0 ? {
          "${gateway.site}-${gateway.name}-etcd" = { protocol = "tcp", from = 2379, to = 2379 }
        } : {},
      ) if gateway.site != site
    ]...)
  }

  outer = { for key, gateway in local.gateways : "${gateway.site}-${gateway.name}" => strcontains(gateway.outer, ":") ? "${gateway.outer}/128" : "${gateway.outer}/32" }

  remote_prefixes = {
    for site in keys(var.sites) : site => flatten([for other in sort(keys(var.sites)) : var.sites[other].owns if other != site])
  }

  # Pairs whose packets a fabric would drop: Azure has neither protocol 4 nor 41, Exoscale no 41, and Google Cloud neither
  # to external addresses (docs/operate/clouds.md).
  dropped = flatten([
    for site, others in local.links : [
      for other, link in others : "${site} (${var.sites[site].fabric}) to ${other}" if link.encapsulation == "ipip" && (
        var.sites[site].fabric == "azure" ||
        (var.sites[site].fabric == "exoscale" && local.has_ipv6) ||
        (var.sites[site].fabric == "gcp" && anytrue([for gateway in values(var.sites[site].gateways) : gateway.public != null]))
      )
    ]
  ])
}
