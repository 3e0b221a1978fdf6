output "public_addresses" {
  description = "Of each gateway, by name: `public` for module interconnect."
  value       = { for name, address in aws_eip.gateway : name => address.public_ip }
}

output "interface_ids" {
  description = "Of each gateway, by name: the target of routes."
  value       = { for name, interface in aws_network_interface.gateway : name => interface.id }
}

output "instance_ids" {
  description = "Of each gateway, by name."
  value       = { for name, instance in aws_instance.gateway : name => instance.id }
}

output "security_group_id" {
  description = "Of the gateways."
  value       = aws_security_group.gateway.id
}

output "secret_id" {
  description = "Where the site's certificates and keys are to be put."
  value       = aws_secretsmanager_secret.site.arn
}
