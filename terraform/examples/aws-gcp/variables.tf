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

variable "aws" {
  description = "The VPC of site aws, a subnet for each gateway in its zone, the route tables of its subnets, prefixes of its nodes."
  type = object({
    region        = string
    vpc_id        = string
    subnet_ids    = map(string)
    route_tables  = map(string)
    node_prefixes = list(string)
  })
}

variable "gcp" {
  description = "The network of site gcp, a zone for each gateway, prefixes of its nodes."
  type = object({
    project       = string
    region        = string
    network       = string
    subnetwork    = string
    zones         = map(string)
    node_prefixes = list(string)
  })
}
