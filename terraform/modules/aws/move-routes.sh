#!/bin/sh
# Has the VPC's routes of remote prefixes lead to a gateway that is ready. Each of a pair runs it. The preferred one
# takes the routes while it is ready; the other one takes them when the preferred one was not ready three times in a
# row, and itself is. Whoever has them says so again each minute, so that a call that failed, or a change by hand, heals.
# It is no part of the daemon: a daemon that died is exactly what it must see.
set -u
. "${1:-${CREDENTIALS_DIRECTORY:-/etc/isthmus}/move-routes.env}"
METADATA=${METADATA:-http://169.254.169.254/latest}
EC2=${EC2:-https://ec2.$REGION.amazonaws.com/}
PERIOD_S=${PERIOD_S:-1}
AGAIN_AFTER=${AGAIN_AFTER:-60}

is_ready() { curl -sf -o /dev/null --max-time 1 "http://$1/readyz"; }

ask() { curl -sSf --max-time 2 -H "X-aws-ec2-metadata-token: $token" "$METADATA/meta-data/iam/security-credentials/$1"; }
field() { printf '%s' "$credentials" | tr -d '\n' | sed -n "s/.*\"$1\" *: *\"\([^\"]*\)\".*/\1/p"; }

# One call; the key is not among the arguments, which others could read.
replace_route() {
  case $2 in *:*) destination=DestinationIpv6CidrBlock ;; *) destination=DestinationCidrBlock ;; esac
  printf 'user = "%s:%s"\nheader = "X-Amz-Security-Token: %s"\n' \
    "$(field AccessKeyId)" "$(field SecretAccessKey)" "$(field Token)" |
    curl -sSf --max-time 10 -o /dev/null --config - --aws-sigv4 "aws:amz:$REGION:ec2" \
      -d Action=ReplaceRoute -d Version=2016-11-15 -d "RouteTableId=$1" \
      --data-urlencode "$destination=$2" -d "NetworkInterfaceId=$INTERFACE" "$EC2"
}

take_routes() {
  token=$(curl -sSf --max-time 2 -X PUT "$METADATA/api/token" -H 'X-aws-ec2-metadata-token-ttl-seconds: 60') || return 1
  role=$(ask '') || return 1
  credentials=$(ask "$role") || return 1
  failed=0
  for table in $TABLES; do
    for prefix in $PREFIXES; do
      replace_route "$table" "$prefix" || {
        echo "move-routes: $prefix of $table cannot be moved here" >&2
        failed=1
      }
    done
  done
  return $failed
}

good=0       # times in a row that this gateway was ready
missed=0     # times in a row that the twin was not
since=-1     # looks since the routes were taken; -1: they are not ours
while :; do
  if is_ready "$OWN"; then good=$((good + 1)); else good=0; fi
  if [ -n "$TWIN" ]; then if is_ready "$TWIN"; then missed=0; else missed=$((missed + 1)); fi; fi

  wants=no
  if [ "$PREFERRED" = yes ]; then
    [ "$good" -ge 3 ] && wants=yes
  else
    [ "$good" -ge 1 ] && [ "$missed" -ge 3 ] && wants=yes
  fi

  if [ "$wants" = no ]; then
    since=-1
  elif [ "$since" -lt 0 ] || [ "$since" -ge "$AGAIN_AFTER" ]; then
    [ "$since" -lt 0 ] && echo "move-routes: taking $PREFIXES"
    if take_routes; then since=0; else since=-1; fi
  else
    since=$((since + 1))
  fi
  sleep "$PERIOD_S"
done
