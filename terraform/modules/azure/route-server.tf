# BGP with a Route Server, for sites that a private WAN reaches without a tunnel (`encapsulation: none`): own prefixes are
# told, theirs are learnt. Prefixes of tunnelled sites are not told to routers; these go by the load balancer's route.

locals {
  route_server = var.route_server == null ? {} : { bgp = var.route_server }
}

resource "azurerm_public_ip" "route_server" {
  for_each            = local.route_server
  name                = "${var.name}-route-server"
  location            = var.location
  resource_group_name = var.resource_group_name
  allocation_method   = "Static"
  sku                 = "Standard"
  tags                = local.tags
}

resource "azurerm_route_server" "router" {
  for_each                         = local.route_server
  name                             = var.name
  location                         = var.location
  resource_group_name              = var.resource_group_name
  sku                              = "Standard"
  subnet_id                        = each.value.subnet_id
  public_ip_address_id             = azurerm_public_ip.route_server[each.key].id
  branch_to_branch_traffic_enabled = each.value.branch_to_branch
  tags                             = local.tags
}

resource "azurerm_route_server_bgp_connection" "gateway" {
  for_each        = var.route_server == null ? {} : var.gateways
  name            = "${var.name}-${each.key}"
  route_server_id = azurerm_route_server.router["bgp"].id
  peer_asn        = var.route_server.gateway_asn
  peer_ip         = each.value.address
}
