terraform {
  required_version = ">= 1.9"

  required_providers {
    exoscale = {
      source  = "exoscale/exoscale"
      version = ">= 0.72, < 1.0"
    }
  }
}

data "exoscale_template" "debian" {
  count = var.template_id == null && var.appliance == null ? 1 : 0
  zone  = var.zone
  name  = "Linux Debian 12 (Bookworm) 64-bit"
}

# The appliance's disk, from an address to a template of the zone.
resource "exoscale_template" "appliance" {
  count            = var.appliance == null ? 0 : 1
  zone             = var.zone
  name             = "${var.name}-${var.appliance.version}"
  description      = "isthmus ${var.appliance.version}"
  url              = var.appliance.url
  checksum         = var.appliance.md5
  boot_mode        = "uefi"
  password_enabled = false
  ssh_key_enabled  = true
}

locals {
  labels = merge(var.labels, { "isthmus-site" = var.name })
  names  = sort(keys(var.gateways))

  # The one whose name comes first is preferred, as the gateways themselves have it.
  preferred = local.names[0]
  twin_of   = { for name in local.names : name => [for other in local.names : other if other != name] }

  template_id = (
    var.template_id != null ? var.template_id :
    var.appliance != null ? exoscale_template.appliance[0].id :
    data.exoscale_template.debian[0].id
  )
}

# --- addresses -------------------------------------------------------------------------------------------------------

resource "exoscale_elastic_ip" "gateway" {
  for_each    = var.gateways
  zone        = var.zone
  description = "isthmus ${var.name}-${each.key}"
  labels      = local.labels
}

# Exoscale's private network is a layer 2 of the zone, so a pair moves an address between it by VRRP: docs/operate/twins.md.
resource "exoscale_private_network" "lan" {
  count       = var.private_network_id == null ? 1 : 0
  zone        = var.zone
  name        = var.name
  description = "nodes and isthmus gateways of ${var.name}"
  labels      = local.labels
}

locals {
  private_network_id = var.private_network_id == null ? exoscale_private_network.lan[0].id : var.private_network_id
}

resource "exoscale_anti_affinity_group" "gateways" {
  name        = var.name
  description = "isthmus gateways of ${var.name}: never two on one machine"
}

# --- machines --------------------------------------------------------------------------------------------------------

module "bootstrap" {
  source   = "../bootstrap"
  for_each = var.gateways

  gateway_yaml = var.gateway_yaml[each.key]
  deb          = var.deb
  # Exoscale has no store that a machine may read without a key that is itself a secret: they are brought by SSH.
  fetch_secrets = null
  packages      = length(local.names) > 1 ? ["keepalived"] : []

  files = merge(
    {
      "/var/lib/isthmus-cloud/addresses"              = { content = file("${path.module}/addresses.sh"), mode = "0755" }
      "/etc/systemd/system/isthmus-addresses.service" = { content = file("${path.module}/isthmus-addresses.service"), mode = "0644" }
      "/var/lib/isthmus-cloud/addresses.env" = {
        mode    = "0644"
        content = "ELASTIC='${exoscale_elastic_ip.gateway[each.key].ip_address}'\nLAN='${each.value.lan}'\n"
      }
    },
    length(local.names) < 2 ? {} : {
      "/etc/keepalived/keepalived.conf" = {
        mode = "0644"
        content = templatefile("${path.module}/keepalived.conf.tftpl", {
          own      = split("/", each.value.lan)[0]
          twin     = split("/", var.gateways[local.twin_of[each.key][0]].lan)[0]
          next_hop = var.next_hop
          priority = each.key == local.preferred ? 200 : 100
        })
      }
    },
  )
  units = concat(["isthmus-addresses.service"], length(local.names) > 1 ? ["keepalived.service"] : [])
}

resource "exoscale_compute_instance" "gateway" {
  for_each                = var.gateways
  zone                    = var.zone
  name                    = "${var.name}-${each.key}"
  template_id             = local.template_id
  type                    = var.type
  disk_size               = var.disk_gb
  anti_affinity_group_ids = [exoscale_anti_affinity_group.gateways.id]
  security_group_ids      = [exoscale_security_group.gateway.id]
  elastic_ip_ids          = [exoscale_elastic_ip.gateway[each.key].id]
  ssh_keys                = var.ssh_keys
  user_data               = module.bootstrap[each.key].user_data
  labels                  = local.labels

  network_interface {
    network_id = local.private_network_id
  }

  lifecycle {
    # A newer template, or another gateway.yaml, must not take a gateway away that forwards: see docs/operate/clouds.md.
    ignore_changes = [template_id, user_data]
  }
}
