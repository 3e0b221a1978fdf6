#!/bin/sh
# Says each second, in a file, whether this gateway serves (it is ready, and a tunnel of it is up) and whether it is active:
# the one of a pair to which the cloud shall send. That is the preferred one while it serves, and the other one while it
# serves and the preferred one does not. It is no part of the daemon: a daemon that died is exactly what it must see.
set -u
. "${1:-${CREDENTIALS_DIRECTORY:-/var/lib/isthmus-cloud}/health.env}"
STATE=${STATE:-/run/isthmus-health/state}
PERIOD_S=${PERIOD_S:-1}

is_ready() { curl -sf -o /dev/null --max-time 1 "http://$METRICS/readyz"; }
has_tunnel() { curl -sf --max-time 2 "http://$METRICS/metrics" | grep -q '^isthmus_tunnel_up{[^}]*} 1$'; }
twin_serves() { curl -sf -o /dev/null --max-time 1 "http://$TWIN/serves"; }

look=0     # all metrics are a large answer: tunnels are looked at each fifth time
tunnel=no
good=0     # times in a row that this gateway served
missed=0   # times in a row that the twin did not
while :; do
  if [ $((look % 5)) -eq 0 ]; then if has_tunnel; then tunnel=yes; else tunnel=no; fi; fi
  look=$((look + 1))
  serves=no
  if is_ready && [ "$tunnel" = yes ]; then serves=yes; fi
  if [ "$serves" = yes ]; then good=$((good + 1)); else good=0; fi
  if [ -n "$TWIN" ]; then if twin_serves; then missed=0; else missed=$((missed + 1)); fi; fi

  active=no
  if [ -z "$TWIN" ]; then
    [ "$good" -ge 1 ] && active=yes
  elif [ "$PREFERRED" = yes ]; then
    [ "$good" -ge 3 ] && active=yes
  else
    [ "$good" -ge 1 ] && [ "$missed" -ge 3 ] && active=yes
  fi

  echo "serves=$serves active=$active at=$(date +%s)" >"$STATE.new"
  mv "$STATE.new" "$STATE"
  sleep "$PERIOD_S"
done
