output "public_addresses" {
  description = "Of each gateway, by name: `address` for module interconnect (it is on the machine itself)."
  value       = { for name, address in exoscale_elastic_ip.gateway : name => address.ip_address }
}

output "instance_ids" {
  description = "Of each gateway, by name."
  value       = { for name, instance in exoscale_compute_instance.gateway : name => instance.id }
}

output "private_network_id" {
  description = "Where the site's nodes belong."
  value       = local.private_network_id
}

output "node_routes" {
  description = "For the cloud-init of nodes: what they send to the gateway."
  value       = [for prefix in var.remote_prefixes : "ip route replace ${prefix} via ${var.next_hop}"]
}
