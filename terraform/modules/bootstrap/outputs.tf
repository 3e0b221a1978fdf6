output "user_data" {
  description = "The cloud-init user data. It has no secrets."
  value       = "#cloud-config\n${yamlencode(local.cloud_config)}"
}
