output "public_addresses" {
  description = "Of each gateway, by name: `public` for module interconnect."
  value       = { for name, address in azurerm_public_ip.gateway : name => address.ip_address }
}

output "instance_ids" {
  description = "Of each gateway, by name."
  value       = { for name, machine in azurerm_linux_virtual_machine.gateway : name => machine.virtual_machine_id }
}

output "next_hop" {
  description = "The load balancer's address, which routes lead to."
  value       = azurerm_lb.gateways.private_ip_address
}

output "route_server_addresses" {
  description = "Where the Route Server is spoken to (`peers[].address`); empty without one."
  value       = flatten([for router in azurerm_route_server.router : router.virtual_router_ips])
}

output "secret_id" {
  description = "Where the site's certificates and keys are to be put."
  value       = "${azurerm_key_vault.site.vault_uri}secrets/isthmus"
}
