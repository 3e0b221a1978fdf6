# What the gateways may ask of Google Cloud: read their site's secret. Routes need nobody: the load balancer moves them.

resource "google_service_account" "gateway" {
  account_id   = substr("isthmus-${var.name}", 0, 30)
  project      = var.project
  display_name = "isthmus gateways of ${var.name}"
}

# Its value is put there by hand, so that it is in no state: docs/operate/clouds.md.
resource "google_secret_manager_secret" "site" {
  secret_id = "isthmus-${var.name}"
  project   = var.project
  labels    = local.labels

  replication {
    user_managed {
      replicas {
        location = var.region

        dynamic "customer_managed_encryption" {
          for_each = var.kms_key == null ? [] : [var.kms_key]

          content {
            kms_key_name = customer_managed_encryption.value
          }
        }
      }
    }
  }
}

resource "google_secret_manager_secret_iam_member" "gateway" {
  secret_id = google_secret_manager_secret.site.secret_id
  project   = var.project
  role      = "roles/secretmanager.secretAccessor"
  member    = google_service_account.gateway.member
}
