# What the lab's Prometheus says to a query; with `firing ALERT [MATCHERS]`, whether that alert fires.
if [ "$1" = firing ]; then set -- "ALERTS{alertstate=\"firing\",alertname=\"$2\"${3:+,$3}}"; fi
curl -s -m 5 http://127.0.0.1:9090/api/v1/query --data-urlencode "query=$1"
