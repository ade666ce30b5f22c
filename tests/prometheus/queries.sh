#!/bin/bash
# The dashboard and the alerting rules with a real Prometheus: it reads postern-web's metrics in both formats, knows each
# rule, and has something to say to each query of the dashboard. PROMETHEUS, PROMTOOL: the programs.
set -u
cd "$(dirname "$0")/../.." || exit 1
. scripts/relay.sh
. tests/e2e/lib.sh
rules=conf/prometheus/postern.rules.yml dashboard=conf/grafana/postern.json
server='' forwarder=''
trap 'kill $server $forwarder 2>/dev/null; relay_stop' EXIT

is 'promtool finds the rules well formed' "$("$PROMTOOL" check rules $rules 2>&1 | grep -c 'SUCCESS: [1-9]')" 1
is 'each rule fires when it should, and on no usual day' "$("$PROMTOOL" test rules tests/prometheus/rules.test.yml 2>&1 | sed -n 's/^ *//; /SUCCESS\|FAILED/p')" SUCCESS
is 'each rule is tested' "$(sed -n 's/.*- alert: //p' $rules | while read -r alert; do
    grep -q "alertname=\"$alert\"" tests/prometheus/rules.test.yml || echo "$alert"
done)" ''

make_relay '{ name = "burst"; per = "user"; count = "messages"; rate = "4/d"; burst = 4; },
    { name = "watch"; per = "user"; count = "recipients"; rate = "2/d"; burst = 2; then = "monitor"; },
    { name = "probing"; per = "user"; count = "denials"; rate = "3/d"; burst = 3; then = "block 1h"; }'
echo "web = { listen = \"unix:$T/run/web.sock\"; };" >>"$T/postern.conf"
relay_start both || exit 1
"$BIN/postern-web" -c "$T/postern.conf" >"$T/web.log" 2>&1 &
echo $! >"$T/web.pid"
token=$("$BIN/postern" -c "$T/postern.conf" web-user token prometheus --role metrics --expires 1d 2>"$T/token.log")
port=$(relay_free_port)
# Prometheus speaks to TCP only.
python3 scripts/demo/forward.py "$port" "$T/run/web.sock" >"$T/forwarder.log" 2>&1 &
forwarder=$!
own=$(relay_free_port)
cat >"$T/prometheus.yml" <<END
global: { scrape_interval: 1s, evaluation_interval: 1s }
rule_files: [ $PWD/$rules ]
scrape_configs:
  - job_name: postern
    authorization: { credentials: "$token" }
    static_configs: [ { targets: [ "127.0.0.1:$port" ] } ]
END
"$PROMETHEUS" --config.file="$T/prometheus.yml" --storage.tsdb.path="$T/tsdb" --web.listen-address="127.0.0.1:$own" \
    --log.level=warn >"$T/prometheus.log" 2>&1 &
server=$!
ask() { curl -s "http://127.0.0.1:$own/api/v1/$1" "${@:2}"; }
ask_query() { ask query --data-urlencode "query=$1"; }

becomes 'Prometheus reads the metrics' 'ask targets | jq -r ".data.activeTargets[].health"' up
is 'and complains about nothing' "$(ask targets | jq -r '.data.activeTargets[].lastError')" ''
becomes 'and knows the version' 'ask_query postern_build_info | jq -r ".data.result | length"' 1
for _ in 1 2 3 4 5 6; do submit anna@contoso.example; submit bert@contoso.example; done >"$T/submitted"
becomes 'it sees the limit hit' 'ask_query "sum(postern_limit_hits_total{limit=\"burst\",then=\"defer\"})" | jq -r ".data.result[0].value[1]"' '[1-9]*'
becomes 'and what only tells' 'ask_query "sum(postern_limit_hits_total{limit=\"watch\",then=\"monitor\"})" | jq -r ".data.result[0].value[1]"' '[1-9]*'
is 'all rules are in force' "$(ask rules | jq -r '[.data.groups[].rules[] | select(.health != "ok" and .health != "unknown")] | length')" 0
for _ in 1 2 3 4; do submit cleo@contoso.example; sleep 1; done >>"$T/submitted"

# Each query, for all relays, over the last minute. Empty is what needs a cluster.
jq -r '.panels[].targets[].expr' $dashboard | sed 's/\$__rate_interval/60s/g; s/\$instance/.*/g' >"$T/queries"
is 'the dashboard has queries' "$(wc -l <"$T/queries")" '[23]?'
while read -r query; do
    ask_query "$query" >"$T/answer"
    [ "$(jq -r .status "$T/answer")" = success ] || echo "$query: $(jq -r .error "$T/answer")"
    case $query in *postern_cluster_*) continue ;; esac
    [ "$(jq -r '.data.result | length' "$T/answer")" -gt 0 ] || echo "$query: nothing"
done <"$T/queries" >"$T/failed"
is 'each query of the dashboard finds something' "$(cat "$T/failed")" ''
is 'its variable does, too' "$(ask 'label/instance/values?match[]=postern_build_info' | jq -r '.data | length')" 1
is 'both formats have the same families' \
    "$(for type in text/plain 'application/openmetrics-text; version=1.0.0'; do
        curl -s -H "Authorization: Bearer $token" -H "Accept: $type" "http://127.0.0.1:$port/metrics" | sed -n 's/^# TYPE \([a-z_]*\) .*/\1/p' | sed 's/_total$//' | sort | sha256sum
    done | uniq | wc -l)" 1
metrics() { curl -s -H "Authorization: Bearer $token" "${@:2}" -H "Accept: $1" "http://127.0.0.1:$port/metrics"; }
is 'promtool reads the text format' "$(metrics text/plain | "$PROMTOOL" check metrics 2>&1)" ''
# What a client accepts, and the format that it gets. Prometheus itself reads OpenMetrics, above.
is 'each client gets a format that it reads' "$(for accept in '' '*/*' 'text/plain;version=0.0.4' 'text/html, */*;q=0.1' \
    'application/openmetrics-text; version=1.0.0; charset=utf-8' 'Application/OpenMetrics-Text;version=0.0.1,*/*;q=0.1'; do
    metrics "$accept" -o /dev/null -w '%{content_type}\n'
done | sed 's/;.*//' | tr '\n' ' ')" 'text/plain text/plain text/plain text/plain application/openmetrics-text application/openmetrics-text '
metrics text/plain >"$T/families"
is 'all that is promised is there' "$(for family in up listener_up decisions_total decision_seconds limit_hits_total blocks_made_total blocks \
    would_refuse_total auth_failures_total directory_generation directory_mailboxes directory_settings_timestamp_seconds \
    directory_part_timestamp_seconds mirror_run_timestamp_seconds notices_waiting counters_entries \
    counters_live counters_crowded_total habits_known habits_learning tenant_learning_until_timestamp_seconds journal_dropped_total build_info; do
    grep -q "^# TYPE postern_$family " "$T/families" || echo "$family"
done)" ''
is 'the histogram has sixteen buckets, of each front end' "$(grep '^postern_decision_seconds_bucket' "$T/families" | sed 's/.*program="\([a-z-]*\)".*/\1/' | sort | uniq -c | tr -s ' ' | tr '\n' ,)" ' 16 milter, 16 policyd,'
is 'no label names a login, a mailbox or a client' "$(grep -v '^#' "$T/families" | grep -c '@\|[{,]\(login\|user\|client\|mailbox\|sender\)=\|127\.0\.0')" 0
exit $status
