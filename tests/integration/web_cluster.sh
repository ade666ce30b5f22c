#!/bin/bash
# What postern-web says of the relays that count as one, with a real Redis: their rows, one that is silent, no connection, news that is
# old, none yet, no cluster at all. TAP lines. BUILD: the folder with programs.
set -u
cd "$(dirname "$0")/../.." || exit 1
. scripts/relay.sh
# shellcheck source=tests/integration/cluster_lib.sh
. tests/integration/cluster_lib.sh
redis_start
cluster_directory
for name in mx1 mx2; do
    relay "$name"
    echo "web = { listen = \"unix:$T/$name/web.sock\"; users = \"$T/$name/web-users\"; };" >>"$T/$name/postern.conf"
done
"$build/postern-cluster" init -c "$T/mx1/postern.conf" >>"$T/cli.log" 2>&1
"$build/postern-cluster" join -c "$T/mx2/postern.conf" >>"$T/cli.log" 2>&1
p() { "$build/postern" -c "$T/mx1/postern.conf" "$@"; }
token=$(p web-user token t --role reader --expires 1d 2>/dev/null)
run web "$build/postern-web" -c "$T/mx1/postern.conf"
relay_wait relay_listens_at "$T/mx1/web.sock"
get() { curl -sS -H "Authorization: Bearer $token" --max-time 100 --unix-socket "$T/mx1/web.sock" "http://localhost$1" 2>&1; }
nodes() { get /api/v1/cluster | jq -r '.data | map("\(.relay) \(.state // "-")") | join(", ")'; }
notes() { get /api/v1/cluster | jq -r '.notes | join("; ")'; }
light() { get /api/v1/overview | jq -r '.data.status.cluster | "\(.shares) \(.relays) \(.silent) \(.silent_names) \(.why)"'; }

is 'before postern-cluster ran there are no rows, and a note says why' "$(nodes) $(notes)" ' postern-cluster does not run, and has not since this machine began: this relay counts for itself*'
start mx1 mx2
becomes 'both relays have a row, this one first' nodes 'mx1 shares, mx2 shares'
becomes 'and are a light of the overview' light 'true 1 0 null null'
is 'rows are those of the command line' "$(diff <(p status --cluster --json 2>/dev/null | jq -S 'map(del(.waiting, .round_trip_us))') <(get /api/v1/cluster | jq -S '.data | map(del(.waiting, .round_trip_us))'))" ''
is 'with version, and since when' "$(get /api/v1/cluster | jq -r '.data | map("\(.version | length > 0) \(.since | fromdate > 1700000000)") | unique | join(",")')" 'true true'

kill -STOP "$(cat "$T/cluster-mx2.pid")"
becomes 'one that is silent is told, and for how long' notes '*relay mx2 has been silent for [1-9]* s*'
is 'in its row, too' "$(get /api/v1/cluster | jq -r '.data[1] | "\(.relay) \(.silent > 0)"')" 'mx2 true'
becomes 'and on the overview' light 'true 1 1 mx2 null'
kill -CONT "$(cat "$T/cluster-mx2.pid")"
becomes 'heard again, it is well' 'get /api/v1/cluster | jq -r ".data[1].silent"' null

stop redis -KILL
becomes 'without Redis this relay counts for itself' notes '*this relay counts for itself (*'
is 'and of the other nothing is heard' "$(nodes)" 'mx1 *, mx2 -'
becomes 'which the overview says, and why' light 'false * offline*'
redis_start
becomes 'it is back' nodes 'mx1 shares, mx2 shares'

kill -STOP "$(cat "$T/cluster-mx1.pid")"
becomes 'news that is old is told as what it is' notes '*postern-cluster does not run, or hangs: this was written [1-9]* s ago*'
becomes 'on the overview, too' light 'false * postern-cluster does not run, or hangs: it was heard [1-9]* s ago'
kill -CONT "$(cat "$T/cluster-mx1.pid")"
becomes 'until it goes on' light 'true 1 0 null null'

rm "$T/mx1/cluster.json" && echo nonsense >"$T/mx1/cluster.json.part" && kill -STOP "$(cat "$T/cluster-mx1.pid")" && mv "$T/mx1/cluster.json.part" "$T/mx1/cluster.json"
becomes 'what cannot be read is an error, and no empty table' 'get /api/v1/cluster | jq -r .error' '*is not what postern-cluster writes'
kill -CONT "$(cat "$T/cluster-mx1.pid")"
sed -i '/^cluster = /d' "$T/mx1/postern.conf"
becomes 'where there is no cluster, that is said' notes 'there is no group "cluster" in the configuration: this relay counts for itself'
is 'with no rows' "$(nodes)" ''
becomes 'and no light' 'get /api/v1/overview | jq -r .data.status.cluster' null
is 'without a journal nothing is said of it, in place of zeros' "$(get /api/v1/overview | jq -r '.data | "\(.status.journal_dropped) \(.decisions)"')" 'null null'
is 'nothing came out of the sanitizers' "$(cat "$T"/*.log | grep -c 'ERROR: \|runtime error')" 0
exit "$status"
