#!/bin/sh
# Answers one HTTP request of a load balancer or of the twin: GET /serves or /active, 200 or 503, of what health.sh wrote
# down. What is older than five seconds is no.
set -u
STATE=${1:-/run/isthmus-health/state}

IFS=' ' read -r method path _
# The rest of the request, up to its empty line: a connection closed over unread bytes is reset, and the answer lost.
while IFS= read -r line; do
  case $line in '' | "$(printf '\r')") break ;; esac
done

answer='503 Service Unavailable'
if IFS=' ' read -r serves active at <"$STATE" && [ $(($(date +%s) - ${at#at=})) -le 5 ]; then
  case "$method $path $serves $active" in
    'GET /serves serves=yes '* | 'GET /active serves='*' active=yes') answer='200 OK' ;;
  esac
fi 2>/dev/null
printf 'HTTP/1.1 %s\r\nContent-Length: 0\r\nConnection: close\r\n\r\n' "$answer"
