locals {
  own_rules = merge(
    { for prefix in concat(var.owns, var.node_prefixes) : "forwarded ${prefix}" => { cidr = prefix, protocol = "*", from = null, to = null } },
    length(local.names) < 2 ? {} : {
      for name in local.names : "twin ${name}" => { cidr = "${var.gateways[name].address}/32", protocol = "*", from = null, to = null }
    },
    { for prefix in var.bgp_sources : "bgp ${prefix}" => { cidr = prefix, protocol = "tcp", from = 179, to = 179 } },
    { for prefix in var.etcd_sources : "etcd ${prefix}" => { cidr = prefix, protocol = "tcp", from = 2379, to = 2379 } },
    { for prefix in var.metrics_sources : "metrics ${prefix}" => { cidr = prefix, protocol = "tcp", from = 9633, to = 9633 } },
    { for prefix in var.ssh_sources : "ssh ${prefix}" => { cidr = prefix, protocol = "tcp", from = 22, to = 22 } },
  )

  rules      = merge(var.ingress, local.own_rules)
  rule_names = sort(keys(local.rules))
}

resource "azurerm_network_security_group" "gateway" {
  name                = var.name
  location            = var.location
  resource_group_name = var.resource_group_name
  tags                = local.tags
}

resource "azurerm_network_security_rule" "gateway" {
  for_each                    = local.rules
  name                        = replace(replace(replace(each.key, " ", "-"), "/", "-"), ":", "-")
  resource_group_name         = var.resource_group_name
  network_security_group_name = azurerm_network_security_group.gateway.name
  priority                    = 200 + index(local.rule_names, each.key)
  direction                   = "Inbound"
  access                      = "Allow"
  protocol                    = each.value.protocol == "*" ? "*" : title(each.value.protocol)
  source_address_prefix       = each.value.cidr
  source_port_range           = "*"
  destination_address_prefix  = "*"
  destination_port_range      = each.value.from == null ? "*" : each.value.from == each.value.to ? tostring(each.value.from) : "${each.value.from}-${each.value.to}"
}

resource "azurerm_network_security_rule" "probe" {
  name                        = "probe"
  resource_group_name         = var.resource_group_name
  network_security_group_name = azurerm_network_security_group.gateway.name
  priority                    = 4000
  direction                   = "Inbound"
  access                      = "Allow"
  protocol                    = "Tcp"
  source_address_prefix       = "AzureLoadBalancer"
  source_port_range           = "*"
  destination_address_prefix  = "*"
  destination_port_range      = "9634"
}

# Azure's own last rules let the whole VNet in: what is not named above stays out.
resource "azurerm_network_security_rule" "nothing_else" {
  name                        = "nothing-else"
  resource_group_name         = var.resource_group_name
  network_security_group_name = azurerm_network_security_group.gateway.name
  priority                    = 4096
  direction                   = "Inbound"
  access                      = "Deny"
  protocol                    = "*"
  source_address_prefix       = "*"
  source_port_range           = "*"
  destination_address_prefix  = "*"
  destination_port_range      = "*"
}

resource "azurerm_network_interface_security_group_association" "gateway" {
  for_each                  = var.gateways
  network_interface_id      = azurerm_network_interface.gateway[each.key].id
  network_security_group_id = azurerm_network_security_group.gateway.id
}
