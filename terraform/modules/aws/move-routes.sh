#!/bin/sh
# Has the VPC's routes of remote prefixes lead here while this gateway is the active one of its pair (isthmus-health). It says
# so to EC2 when that begins, and again each minute, so that a call that failed, or a change by hand, heals.
set -u
. "${1:-${CREDENTIALS_DIRECTORY:-/etc/isthmus}/move-routes.env}"
METADATA=${METADATA:-http://169.254.169.254/latest}
EC2=${EC2:-https://ec2.$REGION.amazonaws.com/}
HEALTH=${HEALTH:-http://127.0.0.1:9634}
PERIOD_S=${PERIOD_S:-1}
AGAIN_AFTER=${AGAIN_AFTER:-60}

is_active() { curl -sf -o /dev/null --max-time 2 "$HEALTH/active"; }

ask() { curl -sSf --max-time 2 -H "X-aws-ec2-metadata-token: $token" "$METADATA/meta-data/iam/security-credentials/$1"; }
field() { printf '%s' "$credentials" | tr -d '\n' | sed -n "s/.*\"$1\" *: *\"\([^\"]*\)\".*/\1/p"; }

# One call; the key is not among the arguments, which others could read.
replace_route() {
  printf 'user = "%s:%s"\nheader = "X-Amz-Security-Token: %s"\n' \
    "$(field AccessKeyId)" "$(field SecretAccessKey)" "$(field Token)" |
    curl -sSf --max-time 10 -o /dev/null --config - --aws-sigv4 "aws:amz:$REGION:ec2" \
      -d Action=ReplaceRoute -d Version=2016-11-15 -d "RouteTableId=$1" \
      -d "DestinationPrefixListId=$2" -d "NetworkInterfaceId=$INTERFACE" "$EC2"
}

take_routes() {
  token=$(curl -sSf --max-time 2 -X PUT "$METADATA/api/token" -H 'X-aws-ec2-metadata-token-ttl-seconds: 60') || return 1
  role=$(ask '') || return 1
  credentials=$(ask "$role") || return 1
  failed=0
  for table in $TABLES; do
    for list in $LISTS; do
      replace_route "$table" "$list" || {
        echo "move-routes: $list of $table cannot be moved here" >&2
        failed=1
      }
    done
  done
  return $failed
}

since=-1 # looks since the routes were taken; -1: they are not ours
while :; do
  if ! is_active; then
    since=-1
  elif [ "$since" -lt 0 ] || [ "$since" -ge "$AGAIN_AFTER" ]; then
    [ "$since" -lt 0 ] && echo "move-routes: taking $LISTS in $TABLES"
    if take_routes; then since=0; else since=-1; fi
  else
    since=$((since + 1))
  fi
  sleep "$PERIOD_S"
done
