variable "gateway_yaml" {
  description = "The whole gateway.yaml. It is written at the first boot only: a later one is put in force by `isthmus config apply`."
  type        = string
}

variable "deb" {
  description = "The package, where the image is a stock Debian: fetched from `url` and installed only if its SHA-256 is `sha256`. Null: the image has it."
  type        = object({ url = string, sha256 = string })
  default     = null

  validation {
    condition     = var.deb == null ? true : can(regex("^https://[^'[:space:]]+$", var.deb.url))
    error_message = "deb.url must begin with https:// and have no quotes or spaces."
  }
  validation {
    condition     = var.deb == null ? true : can(regex("^[0-9a-f]{64}$", var.deb.sha256))
    error_message = "deb.sha256 must be 64 hexadecimal digits, in lower case."
  }
}

variable "fetch_secrets" {
  description = "A script that prints the site's secrets, a base64 of a tar.gz with `tls/` and `sites/`, from the cloud's store. Null: they are brought by hand, and the gateway starts when they are there."
  type        = string
  default     = null
}

variable "health" {
  description = "Where the cloud asks whether this gateway serves, at port 9634: where its metrics are, its twin's answer (empty: it has none), and whether it is the preferred one. Null: nobody asks."
  type        = object({ metrics = string, twin = string, preferred = bool })
  default     = null
}

variable "packages" {
  description = "Further Debian packages."
  type        = list(string)
  default     = []
}

variable "files" {
  description = "Further files, by path."
  type        = map(object({ content = string, mode = string }))
  default     = {}
}

variable "units" {
  description = "Further units that are started, of `files` or of the image."
  type        = list(string)
  default     = []
}
