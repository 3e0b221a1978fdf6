output "public_addresses" {
  description = "Of each gateway, by name: `public` for module interconnect."
  value       = { for name, address in google_compute_address.public : name => address.address }
}

output "instance_ids" {
  description = "Of each gateway, by name."
  value       = { for name, instance in google_compute_instance.gateway : name => instance.instance_id }
}

output "next_hop" {
  description = "The load balancer's address, which routes lead to."
  value       = google_compute_forwarding_rule.gateways.ip_address
}

output "secret_id" {
  description = "Where the site's certificates and keys are to be put."
  value       = google_secret_manager_secret.site.name
}
