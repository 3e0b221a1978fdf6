#!/bin/sh
# Google Cloud gives a machine its address as a /32, with a route to the subnetwork's router. BIRD takes no next hop that lies
# in no address's prefix, so the same address stands there once more with the subnetwork's length. No route comes of it:
# packets for neighbours go by the router, as before. May run again.
set -eu
. "${1:-/var/lib/isthmus-cloud/on-link.env}"
device=$(ip -o route get "$ROUTER" | sed -n 's/.* dev \([^ ]*\).*/\1/p')
ip address replace "$ADDRESS" dev "$device" noprefixroute
