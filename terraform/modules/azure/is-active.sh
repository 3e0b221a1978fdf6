#!/bin/sh
# Answers the load balancer's probe, one connection a run: 200 where packets of the VNet shall go, else 503. That is the
# preferred gateway while it is ready, and the other one while it is ready and the preferred one is not. So both directions
# of a flow cross one gateway, as with BGP; a load balancer that shares would part them.
set -u
. "${1:-${CREDENTIALS_DIRECTORY:-/etc/isthmus}/is-active.env}"
is_ready() { curl -sf -o /dev/null --max-time 1 "http://$1/readyz" </dev/null; }

# The request, up to its empty line: a connection closed over unread bytes is reset, and the answer lost.
while IFS= read -r line; do
  case $line in '' | "$(printf '\r')") break ;; esac
done

answer='503 Service Unavailable'
if is_ready "$OWN"; then
  if [ "$PREFERRED" = yes ] || [ -z "$TWIN" ] || ! is_ready "$TWIN"; then answer='200 OK'; fi
fi
printf 'HTTP/1.1 %s\r\nContent-Length: 0\r\nConnection: close\r\n\r\n' "$answer"
