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

variable "zones" {
  description = "By site: its zone, the addresses of its gateways on the private network (with their length), and the free one that they move."
  type        = map(object({ zone = string, lan = map(string), next_hop = string }))
}

variable "ssh_keys" {
  description = "Names of SSH keys: the secrets are brought by SSH."
  type        = list(string)
}

variable "ssh_sources" {
  description = "Prefixes that may log in by SSH."
  type        = list(string)
}
