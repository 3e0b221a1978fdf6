output "sites" {
  description = "By site: `gateways` (by name: `yaml`, the whole gateway.yaml, and `inner`, its inner addresses), `ingress` (what its firewall lets in, by peer), `remote_prefixes` (what its VPC routes to the gateway), `owns`."
  value = {
    for site_name, site in var.sites : site_name => {
      owns            = site.owns
      remote_prefixes = local.remote_prefixes[site_name]
      gateways = {
        for name in keys(site.gateways) : name => {
          yaml  = yamlencode(local.configurations["${site_name}/${name}"])
          inner = local.gateways["${site_name}/${name}"].inner
        }
      }
      ingress = {
        for key, rule in local.ingress[site_name] : key => {
          protocol = rule.protocol
          from     = rule.from
          to       = rule.to
          cidr     = local.outer[regex("^(.*)-[a-z]+$", key)[0]]
        }
      }
    }
  }

  precondition {
    condition     = length(local.dropped) == 0
    error_message = "The fabric drops ipip: ${join(", ", local.dropped)}. Take wireguard or fou for these pairs."
  }
  precondition {
    condition     = alltrue(flatten([for pair in var.pairs : [for site in pair.between : contains(keys(var.sites), site)]]))
    error_message = "A pair names a site that is not there."
  }
  precondition {
    condition     = alltrue([for site in var.interconnect.authorities : contains(keys(var.sites), site)])
    error_message = "interconnect.authorities names a site that is not there."
  }
  precondition {
    condition     = length(distinct([for gateway in values(local.gateways) : gateway.outer])) == length(local.gateways)
    error_message = "Two gateways have one address."
  }
}
