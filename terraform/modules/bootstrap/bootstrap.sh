#!/bin/sh
# Installs the package that bootstrap.env names, if it is the one that was meant; fetches the site's secrets; starts the
# gateway. Whatever fails is said, and tried again by the unit. ROOT is for tests.
set -eu
ROOT=${ROOT:-}
. "$ROOT/var/lib/isthmus-cloud/bootstrap.env"

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
fail() {
  echo "isthmus-bootstrap: $1" >&2
  exit 1
}

if [ -n "$DEB_URL" ]; then
  curl --fail --silent --show-error --location --proto '=https' --proto-redir '=https' --retry 5 \
    --output "$work/isthmus.deb" "$DEB_URL" || fail "$DEB_URL cannot be fetched"
  found=$(sha256sum "$work/isthmus.deb" | cut -d ' ' -f 1)
  [ "$found" = "$DEB_SHA256" ] || fail "$DEB_URL has SHA-256 $found, not $DEB_SHA256: it is not installed"
  # gateway.yaml is there already: the package's own must not take its place, nor ask.
  DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends \
    -o Dpkg::Options::=--force-confold "$work/isthmus.deb" || fail "$DEB_URL cannot be installed"
fi

if [ -x "$ROOT/var/lib/isthmus-cloud/fetch-secrets" ]; then
  "$ROOT/var/lib/isthmus-cloud/fetch-secrets" >"$work/secrets.b64" || fail 'the secrets cannot be fetched yet'
  base64 --decode "$work/secrets.b64" >"$work/secrets.tar.gz" || fail 'the secret is not base64 of a tar.gz'
  mkdir -m 0700 "$work/secrets"
  tar --extract --gzip --no-same-owner --file "$work/secrets.tar.gz" --directory "$work/secrets" ||
    fail 'the secret is not base64 of a tar.gz'
  [ -f "$work/secrets/tls/gateway.key" ] || fail 'the secret has no tls/gateway.key'
  # Nothing but what it is for: whoever may write the secret does not write gateway.yaml.
  for folder in tls sites; do
    [ -d "$work/secrets/$folder" ] || continue
    chmod -R u=rwX,go= "$work/secrets/$folder"
    cp -R "$work/secrets/$folder" "$ROOT/etc/isthmus/"
  done
fi
# The daemon is not root.
if getent group isthmus >/dev/null; then
  for path in gateway.yaml tls sites; do
    [ ! -e "$ROOT/etc/isthmus/$path" ] || chgrp -R isthmus "$ROOT/etc/isthmus/$path"
  done
  chmod -R g+rX "$ROOT/etc/isthmus"
fi
[ -f "$ROOT/etc/isthmus/tls/gateway.key" ] || fail '/etc/isthmus/tls/gateway.key is not there yet'

systemctl enable isthmus.service
systemctl restart isthmus.service
# A gateway with a LAN says whether it is cut off from it; keepalived listens.
if grep -Eq '^"?lan"?:' "$ROOT/etc/isthmus/gateway.yaml"; then
  systemctl enable --now isthmus-watch-lan.service
fi
touch "$ROOT/var/lib/isthmus-cloud/bootstrapped"
