terraform {
  required_version = ">= 1.9"

  required_providers {
    azurerm = {
      source  = "hashicorp/azurerm"
      version = ">= 4.0, < 5.0"
    }
  }
}

data "azurerm_client_config" "current" {}

# The appliance's disk, from a page blob to an image.
resource "azurerm_image" "appliance" {
  count               = var.appliance == null ? 0 : 1
  name                = "${var.name}-${var.appliance.version}"
  location            = var.location
  resource_group_name = var.resource_group_name
  hyper_v_generation  = "V2"
  zone_resilient      = true
  tags                = local.tags

  os_disk {
    os_type                = "Linux"
    os_state               = "Generalized"
    blob_uri               = var.appliance.blob_uri
    storage_type           = "Premium_LRS"
    disk_encryption_set_id = var.disk_encryption_set_id
  }
}

locals {
  tags  = merge(var.tags, { "isthmus-site" = var.name })
  names = sort(keys(var.gateways))

  # The one whose name comes first is preferred, as the gateways themselves have it.
  preferred = local.names[0]
  twin_of   = { for name in local.names : name => [for other in local.names : other if other != name] }

  image_id = (
    var.image_id != null ? var.image_id :
    var.appliance != null ? azurerm_image.appliance[0].id :
    null
  )
}

# --- addresses -------------------------------------------------------------------------------------------------------

resource "azurerm_public_ip" "gateway" {
  for_each            = var.gateways
  name                = "${var.name}-${each.key}"
  location            = var.location
  resource_group_name = var.resource_group_name
  allocation_method   = "Static"
  sku                 = "Standard"
  zones               = [each.value.zone]
  tags                = local.tags
}

resource "azurerm_network_interface" "gateway" {
  for_each            = var.gateways
  name                = "${var.name}-${each.key}"
  location            = var.location
  resource_group_name = var.resource_group_name
  # It forwards what others send.
  ip_forwarding_enabled          = true
  accelerated_networking_enabled = var.accelerated_networking
  tags                           = local.tags

  ip_configuration {
    name                          = "gateway"
    subnet_id                     = var.subnet_id
    private_ip_address_allocation = "Static"
    private_ip_address            = each.value.address
    public_ip_address_id          = azurerm_public_ip.gateway[each.key].id
  }
}

# --- machines --------------------------------------------------------------------------------------------------------

module "bootstrap" {
  source   = "../bootstrap"
  for_each = var.gateways

  gateway_yaml = var.gateway_yaml[each.key]
  deb          = var.deb
  fetch_secrets = templatefile("${path.module}/fetch-secrets.sh.tftpl", {
    client = azurerm_user_assigned_identity.gateway.client_id
    vault  = azurerm_key_vault.site.vault_uri
  })

  health = {
    metrics   = "${each.value.address}:9633"
    twin      = join("", [for twin in local.twin_of[each.key] : "${var.gateways[twin].address}:9634"])
    preferred = each.key == local.preferred
  }
}

resource "azurerm_linux_virtual_machine" "gateway" {
  for_each                        = var.gateways
  name                            = "${var.name}-${each.key}"
  location                        = var.location
  resource_group_name             = var.resource_group_name
  size                            = var.size
  zone                            = each.value.zone
  network_interface_ids           = [azurerm_network_interface.gateway[each.key].id]
  admin_username                  = "isthmus-admin"
  disable_password_authentication = true
  encryption_at_host_enabled      = true
  secure_boot_enabled             = var.secure_boot
  vtpm_enabled                    = true
  custom_data                     = base64encode(module.bootstrap[each.key].user_data)
  source_image_id                 = local.image_id
  tags                            = local.tags

  admin_ssh_key {
    username   = "isthmus-admin"
    public_key = var.ssh_public_key
  }

  os_disk {
    caching                = "ReadWrite"
    storage_account_type   = "Premium_LRS"
    disk_size_gb           = var.disk_gb
    disk_encryption_set_id = var.disk_encryption_set_id
  }

  dynamic "source_image_reference" {
    for_each = local.image_id == null ? ["debian"] : []

    content {
      publisher = "Debian"
      offer     = "debian-12"
      sku       = "12-gen2"
      version   = "latest"
    }
  }

  identity {
    type         = "UserAssigned"
    identity_ids = [azurerm_user_assigned_identity.gateway.id]
  }

  boot_diagnostics {}

  lifecycle {
    # A newer image, or another gateway.yaml, must not take a gateway away that forwards: see docs/operate/clouds.md.
    ignore_changes = [custom_data, source_image_id, source_image_reference]
  }
}

# --- routes of the VNet: to an internal load balancer, whose probe only the active gateway answers --------------------

resource "azurerm_lb" "gateways" {
  name                = var.name
  location            = var.location
  resource_group_name = var.resource_group_name
  sku                 = "Standard"
  tags                = local.tags

  frontend_ip_configuration {
    name                          = "gateways"
    subnet_id                     = var.subnet_id
    private_ip_address_allocation = "Static"
    private_ip_address            = var.next_hop
    zones                         = ["1", "2", "3"]
  }
}

resource "azurerm_lb_backend_address_pool" "gateways" {
  name            = "gateways"
  loadbalancer_id = azurerm_lb.gateways.id
}

resource "azurerm_network_interface_backend_address_pool_association" "gateway" {
  for_each                = var.gateways
  network_interface_id    = azurerm_network_interface.gateway[each.key].id
  ip_configuration_name   = "gateway"
  backend_address_pool_id = azurerm_lb_backend_address_pool.gateways.id
}

resource "azurerm_lb_probe" "active" {
  name                = "active"
  loadbalancer_id     = azurerm_lb.gateways.id
  protocol            = "Http"
  port                = 9634
  request_path        = "/active"
  interval_in_seconds = 5
  number_of_probes    = 2
}

# All ports of all protocols that the fabric has, as they are: the packets' addresses are pods'.
resource "azurerm_lb_rule" "all" {
  name                           = "all"
  loadbalancer_id                = azurerm_lb.gateways.id
  protocol                       = "All"
  frontend_port                  = 0
  backend_port                   = 0
  frontend_ip_configuration_name = "gateways"
  backend_address_pool_ids       = [azurerm_lb_backend_address_pool.gateways.id]
  probe_id                       = azurerm_lb_probe.active.id
  floating_ip_enabled            = true
  idle_timeout_in_minutes        = 30
}

resource "azurerm_route" "remote" {
  for_each               = { for entry in setproduct(keys(var.route_tables), var.remote_prefixes) : "${entry[0]} ${entry[1]}" => { table = var.route_tables[entry[0]], prefix = entry[1] } }
  name                   = "isthmus-${replace(replace(each.value.prefix, "/", "-"), ":", "-")}"
  resource_group_name    = each.value.table.resource_group_name
  route_table_name       = each.value.table.name
  address_prefix         = each.value.prefix
  next_hop_type          = "VirtualAppliance"
  next_hop_in_ip_address = var.next_hop
}
