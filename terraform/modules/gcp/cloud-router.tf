# BGP with a Cloud Router, for sites that a private WAN reaches without a tunnel (`encapsulation: none`): own prefixes are
# told, theirs are learnt. Prefixes of tunnelled sites are not told to routers; these go by the load balancer's route.

locals {
  cloud_router = var.cloud_router == null ? {} : { bgp = var.cloud_router }
  # Each gateway has a session with both of the router's interfaces.
  router_sessions = var.cloud_router == null ? {} : merge([
    for name in local.names : {
      for index in range(2) : "${name}-${index}" => { gateway = name, index = index }
    }
  ]...)
}

resource "google_network_connectivity_spoke" "gateways" {
  for_each = local.cloud_router
  name     = var.name
  project  = var.project
  location = var.region
  hub      = each.value.hub
  labels   = local.labels

  linked_router_appliance_instances {
    site_to_site_data_transfer = false

    dynamic "instances" {
      for_each = var.gateways

      content {
        virtual_machine = google_compute_instance.gateway[instances.key].self_link
        ip_address      = instances.value.address
      }
    }
  }
}

resource "google_compute_router" "router" {
  for_each = local.cloud_router
  name     = var.name
  project  = var.project
  region   = var.region
  network  = var.network

  bgp {
    asn                = each.value.asn
    keepalive_interval = 20
  }
}

resource "google_compute_router_interface" "first" {
  for_each           = local.cloud_router
  name               = "${var.name}-0"
  project            = var.project
  region             = var.region
  router             = google_compute_router.router[each.key].name
  subnetwork         = var.subnetwork
  private_ip_address = each.value.addresses[0]
}

resource "google_compute_router_interface" "second" {
  for_each            = local.cloud_router
  name                = "${var.name}-1"
  project             = var.project
  region              = var.region
  router              = google_compute_router.router[each.key].name
  subnetwork          = var.subnetwork
  private_ip_address  = each.value.addresses[1]
  redundant_interface = google_compute_router_interface.first[each.key].name
}

resource "google_compute_router_peer" "gateway" {
  for_each                  = local.router_sessions
  name                      = "${var.name}-${each.key}"
  project                   = var.project
  region                    = var.region
  router                    = google_compute_router.router["bgp"].name
  interface                 = each.value.index == 0 ? google_compute_router_interface.first["bgp"].name : google_compute_router_interface.second["bgp"].name
  peer_asn                  = var.cloud_router.gateway_asn
  peer_ip_address           = var.gateways[each.value.gateway].address
  router_appliance_instance = google_compute_instance.gateway[each.value.gateway].self_link
  advertised_route_priority = each.value.gateway == local.preferred ? 100 : 200

  bfd {
    session_initialization_mode = "PASSIVE"
    min_receive_interval        = 1000
    min_transmit_interval       = 1000
    multiplier                  = 5
  }

  depends_on = [google_network_connectivity_spoke.gateways]
}
