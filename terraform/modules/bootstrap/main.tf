# The cloud-init user data of a gateway on a stock Debian 12, or on the appliance's own image. No provider.

terraform {
  required_version = ">= 1.9"
}

locals {
  # Root's alone. Whatever root runs or heeds lies here: in /etc/isthmus and /var/lib/isthmus the gateway's user may write.
  folder = "/var/lib/isthmus-cloud"

  environment = {
    DEB_URL    = var.deb == null ? "" : var.deb.url
    DEB_SHA256 = var.deb == null ? "" : var.deb.sha256
  }

  own_files = merge(
    {
      "/etc/isthmus/gateway.yaml" = { content = var.gateway_yaml, mode = "0640" }
      "${local.folder}/bootstrap.env" = {
        content = join("", [for name, value in local.environment : "${name}='${value}'\n"])
        mode    = "0600"
      }
      "${local.folder}/bootstrap"                     = { content = file("${path.module}/bootstrap.sh"), mode = "0755" }
      "/etc/systemd/system/isthmus-bootstrap.service" = { content = file("${path.module}/isthmus-bootstrap.service"), mode = "0644" }
    },
    var.health == null ? {} : {
      "${local.folder}/health.env" = {
        content = "METRICS='${var.health.metrics}'\nTWIN='${var.health.twin}'\nPREFERRED='${var.health.preferred ? "yes" : "no"}'\n"
        mode    = "0600"
      }
      "${local.folder}/health"                             = { content = file("${path.module}/health.sh"), mode = "0755" }
      "${local.folder}/answer-health"                      = { content = file("${path.module}/answer-health.sh"), mode = "0755" }
      "/etc/systemd/system/isthmus-health.service"         = { content = file("${path.module}/isthmus-health.service"), mode = "0644" }
      "/etc/systemd/system/isthmus-answer-health.socket"   = { content = file("${path.module}/isthmus-answer-health.socket"), mode = "0644" }
      "/etc/systemd/system/isthmus-answer-health@.service" = { content = file("${path.module}/isthmus-answer-health@.service"), mode = "0644" }
    },
    var.fetch_secrets == null ? {} : { "${local.folder}/fetch-secrets" = { content = var.fetch_secrets, mode = "0755" } },
  )

  units = concat(
    ["isthmus-bootstrap.service"],
    var.health == null ? [] : ["isthmus-health.service", "isthmus-answer-health.socket"],
    var.units,
  )

  cloud_config = {
    ssh_pwauth   = false
    disable_root = true
    # The appliance has all that it needs, and a root that nobody writes to.
    package_update = var.deb != null
    packages       = var.deb == null ? [] : concat(["ca-certificates", "curl", "iproute2"], var.packages)
    write_files = [
      for path, file in merge(local.own_files, var.files) : {
        path        = path
        permissions = file.mode
        owner       = "root:root"
        encoding    = "b64"
        content     = base64encode(file.content)
      }
    ]
    # It waits for secrets for as long as that takes: not in the way of the boot.
    runcmd = concat(
      [["systemctl", "daemon-reload"]],
      [for unit in local.units : ["systemctl", "enable", "--now", "--no-block", unit]],
    )
  }
}
