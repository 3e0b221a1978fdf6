#!/bin/sh
# The elastic address on the loopback, and the address on the private network, whose device becomes lan0. The platform
# gives a machine neither by itself. May run again.
set -eu
. "${1:-/var/lib/isthmus-cloud/addresses.env}"
SYS=${SYS:-/sys/class/net}
ip address replace "$ELASTIC/32" dev lo

if ! ip link show lan0 >/dev/null 2>&1; then
  # The one device of the machine that has not the default route; tunnels are no devices of it.
  public=$(ip -o route show default | sed -n 's/.* dev \([^ ]*\).*/\1/p' | head -n 1)
  for path in "$SYS"/*; do
    device=${path##*/}
    if [ "$device" = lo ] || [ "$device" = "$public" ] || [ ! -e "$path/device" ]; then continue; fi
    ip link set "$device" down
    ip link set "$device" name lan0
    break
  done
fi
ip link set lan0 up
ip address replace "$LAN" dev lan0
