#!/bin/sh
# Has the VPC's routes of remote prefixes lead to this gateway: what `isthmus watch-routes` runs when they should, and again
# where it fails. Status 0: all of them do.
set -u
. "${1:-/var/lib/isthmus-cloud/take-routes.env}"
METADATA=${METADATA:-http://169.254.169.254/latest}
EC2=${EC2:-https://ec2.$REGION.amazonaws.com/}

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

token=$(curl -sSf --max-time 2 -X PUT "$METADATA/api/token" -H 'X-aws-ec2-metadata-token-ttl-seconds: 60') || exit 1
role=$(ask '') || exit 1
credentials=$(ask "$role") || exit 1
status=0
for table in $TABLES; do
  for list in $LISTS; do
    replace_route "$table" "$list" || {
      echo "$list of $table cannot be moved here" >&2
      status=1
    }
  done
done
exit $status
