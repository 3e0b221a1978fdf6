# What the gateways may ask of Azure: read secrets of their site's vault. Routes need nobody: the load balancer moves them.

resource "azurerm_user_assigned_identity" "gateway" {
  name                = "isthmus-${var.name}"
  location            = var.location
  resource_group_name = var.resource_group_name
  tags                = local.tags
}

# The secret `isthmus` in it is put there by hand, so that it is in no state: docs/operate/clouds.md.
resource "azurerm_key_vault" "site" {
  name                       = var.key_vault_name
  location                   = var.location
  resource_group_name        = var.resource_group_name
  tenant_id                  = data.azurerm_client_config.current.tenant_id
  sku_name                   = "standard"
  rbac_authorization_enabled = true
  purge_protection_enabled   = true
  soft_delete_retention_days = 7
  tags                       = local.tags

  network_acls {
    bypass                     = "None"
    default_action             = "Deny"
    virtual_network_subnet_ids = [var.subnet_id]
    ip_rules                   = var.vault_sources
  }
}

resource "azurerm_role_assignment" "gateway" {
  scope                = azurerm_key_vault.site.id
  role_definition_name = "Key Vault Secrets User"
  principal_id         = azurerm_user_assigned_identity.gateway.principal_id
  principal_type       = "ServicePrincipal"
}
