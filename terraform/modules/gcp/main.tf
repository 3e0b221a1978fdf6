terraform {
  required_version = ">= 1.9"

  required_providers {
    google = {
      source  = "hashicorp/google"
      version = ">= 6.0, < 8.0"
    }
  }
}

data "google_compute_image" "debian" {
  count   = var.image == null && var.appliance == null ? 1 : 0
  family  = "debian-12"
  project = "debian-cloud"
}

# The appliance's raw disk, from a bucket to an image.
resource "google_compute_image" "appliance" {
  count   = var.appliance == null ? 0 : 1
  name    = "${var.name}-${replace(var.appliance.version, ".", "-")}"
  project = var.project
  labels  = local.labels

  raw_disk {
    source = var.appliance.source
  }

  guest_os_features {
    type = "UEFI_COMPATIBLE"
  }

  guest_os_features {
    type = "GVNIC"
  }

  dynamic "image_encryption_key" {
    for_each = var.kms_key == null ? [] : [var.kms_key]

    content {
      kms_key_self_link = image_encryption_key.value
    }
  }
}

data "google_compute_subnetwork" "gateways" {
  self_link = var.subnetwork
}

locals {
  subnet = data.google_compute_subnetwork.gateways.ip_cidr_range
  labels = merge(var.labels, { "isthmus-site" = var.name })
  names  = sort(keys(var.gateways))

  # The one whose name comes first is preferred, as the gateways themselves have it.
  preferred = local.names[0]
  twin_of   = { for name in local.names : name => [for other in local.names : other if other != name] }

  # Firewall rules and routes are of the gateways, by this tag.
  tag = "isthmus-${var.name}"

  image = (
    var.image != null ? var.image :
    var.appliance != null ? google_compute_image.appliance[0].self_link :
    data.google_compute_image.debian[0].self_link
  )
}

# --- addresses and machines ------------------------------------------------------------------------------------------

resource "google_compute_address" "public" {
  for_each = var.gateways
  name     = "${var.name}-${each.key}"
  project  = var.project
  region   = var.region
  labels   = local.labels
}

resource "google_compute_address" "private" {
  for_each     = var.gateways
  name         = "${var.name}-${each.key}-private"
  project      = var.project
  region       = var.region
  address_type = "INTERNAL"
  address      = each.value.address
  subnetwork   = var.subnetwork
  labels       = local.labels
}

module "bootstrap" {
  source   = "../bootstrap"
  for_each = var.gateways

  gateway_yaml = var.gateway_yaml[each.key]
  deb          = var.deb
  fetch_secrets = templatefile("${path.module}/fetch-secrets.sh.tftpl", {
    secret = google_secret_manager_secret.site.name
  })

  health = {
    metrics   = "${each.value.address}:9633"
    twin      = join("", [for twin in local.twin_of[each.key] : "${var.gateways[twin].address}:9634"])
    preferred = each.key == local.preferred
  }

  files = {
    "/var/lib/isthmus-cloud/on-link"              = { content = file("${path.module}/on-link.sh"), mode = "0755" }
    "/etc/systemd/system/isthmus-on-link.service" = { content = file("${path.module}/isthmus-on-link.service"), mode = "0644" }
    "/etc/systemd/system/isthmus-on-link.timer"   = { content = file("${path.module}/isthmus-on-link.timer"), mode = "0644" }
    "/var/lib/isthmus-cloud/on-link.env" = {
      content = "ADDRESS='${each.value.address}/${split("/", local.subnet)[1]}'\nROUTER='${cidrhost(local.subnet, 1)}'\n"
      mode    = "0644"
    }
  }
  units = ["isthmus-on-link.service", "isthmus-on-link.timer"]
}

resource "google_compute_instance" "gateway" {
  for_each     = var.gateways
  name         = "${var.name}-${each.key}"
  project      = var.project
  zone         = each.value.zone
  machine_type = var.machine_type
  # It forwards what others send.
  can_ip_forward            = true
  allow_stopping_for_update = true
  tags                      = [local.tag]
  labels                    = local.labels

  boot_disk {
    # Encrypted in any case; with a key of one's own if one is named.
    kms_key_self_link = var.kms_key

    initialize_params {
      image = local.image
      size  = var.disk_gb
      type  = "pd-balanced"
    }
  }

  network_interface {
    subnetwork = var.subnetwork
    network_ip = google_compute_address.private[each.key].address
    nic_type   = "GVNIC"

    access_config {
      nat_ip = google_compute_address.public[each.key].address
    }
  }

  metadata = {
    user-data              = module.bootstrap[each.key].user_data
    block-project-ssh-keys = "true"
    enable-oslogin         = "TRUE"
  }

  service_account {
    email  = google_service_account.gateway.email
    scopes = ["cloud-platform"]
  }

  shielded_instance_config {
    enable_secure_boot          = var.secure_boot
    enable_vtpm                 = true
    enable_integrity_monitoring = true
  }

  lifecycle {
    # A newer image, or another gateway.yaml, must not take a gateway away that forwards: see docs/operate/clouds.md.
    ignore_changes = [boot_disk[0].initialize_params[0].image, metadata["user-data"]]
  }
}

# --- routes of the VPC: to an internal load balancer, which sends to the gateway that is ready ------------------------

resource "google_compute_instance_group" "gateway" {
  for_each  = var.gateways
  name      = "${var.name}-${each.key}"
  project   = var.project
  zone      = each.value.zone
  network   = var.network
  instances = [google_compute_instance.gateway[each.key].self_link]
}

resource "google_compute_region_health_check" "serves" {
  name                = "${var.name}-serves"
  project             = var.project
  region              = var.region
  check_interval_sec  = 1
  timeout_sec         = 1
  healthy_threshold   = 3
  unhealthy_threshold = 3

  http_health_check {
    port         = 9634
    request_path = "/serves"
  }
}

resource "google_compute_region_backend_service" "gateways" {
  name                  = var.name
  project               = var.project
  region                = var.region
  network               = var.network
  load_balancing_scheme = "INTERNAL"
  protocol              = "UNSPECIFIED"
  health_checks         = [google_compute_region_health_check.serves.id]
  # Flows go on at the twin, which has their states (conntrackd).
  connection_draining_timeout_sec = 0

  dynamic "backend" {
    for_each = var.gateways

    content {
      group          = google_compute_instance_group.gateway[backend.key].self_link
      balancing_mode = "CONNECTION"
      failover       = backend.key != local.preferred
    }
  }

  failover_policy {
    disable_connection_drain_on_failover = true
    drop_traffic_if_unhealthy            = false
    failover_ratio                       = 0
  }
}

resource "google_compute_forwarding_rule" "gateways" {
  name                  = var.name
  project               = var.project
  region                = var.region
  load_balancing_scheme = "INTERNAL"
  backend_service       = google_compute_region_backend_service.gateways.id
  network               = var.network
  subnetwork            = var.subnetwork
  ip_protocol           = "L3_DEFAULT"
  all_ports             = true
  # A VPC is global: nodes of other regions are sent by it too.
  allow_global_access = true
  labels              = local.labels
}

resource "google_compute_route" "remote" {
  for_each     = toset(var.remote_prefixes)
  name         = "${var.name}-${substr(sha256(each.value), 0, 12)}"
  description  = "${each.value} by the isthmus gateways of ${var.name}"
  project      = var.project
  network      = var.network
  dest_range   = each.value
  next_hop_ilb = google_compute_forwarding_rule.gateways.id
  priority     = 1000
}
