#!/bin/bash
# How relays know each other: their heartbeats, what differs between them, who is silent, who is a copy. TAP lines. BUILD: the
# folder with programs.
set -u
cd "$(dirname "$0")/../.." || exit 1
. scripts/relay.sh
. tests/integration/cluster_lib.sh
redis_start
alerts='alerts = ( { command = ["/bin/true"]; events = ["cluster"]; } );'
cluster_make a b
# of NAME FILTER: in what it has written down.
of() { jq -r "$2" "$T/$1/cluster.json" 2>/dev/null; }
restart()
{
    stop "cluster-$1"
    : >"$T/cluster-$1.log"
    run "cluster-$1" "$build/postern-cluster" -c "$T/$1/postern.conf"
}

becomes 'each relay knows the other' "of a '.nodes[].name'; of b '.nodes[].name'" 'b*a'
is 'and itself' "$(of a '.own.name, .own.state, .own.version, .own.generation')" "a*shares*[0-9]*1"
becomes 'Redis is asked what it does when it is full' "of a '.policy'" noeviction
is 'nothing differs' "$(of a '.nodes[0].differs'),$(of a '.nodes[0].silent_s')" ',0'
is 'Redis knows neither their names' "$(redis HGETALL 'postern:{m}:nodes' | strings | grep -c 'name\|contoso\|digests')" 0
is 'only the group may read it' "$(stat -c %a "$T/a/cluster.json" | cut -c3)" '[04]'

"$build/postern" -c "$T/a/postern.conf" status --cluster >"$T/status" 2>&1
is 'for people: all is well' "$? $(cat "$T/status")" '0 *a *shares, *0 lost*b *shares*0 lost*'
is 'for programs' "$("$build/postern" -c "$T/a/postern.conf" status --cluster --json | jq -r '.[].relay' | tr '\n' ' ')" 'a b '

"$build/postern-cluster" status -c "$T/a/postern.conf" >"$T/status.too" 2>&1
is 'postern-cluster itself shows the same' "$? $(sed 's/, Redis.*//' "$T/status.too")" "0 $(sed 's/, Redis.*//' "$T/status")"
is 'for programs, too' "$("$build/postern-cluster" status --json -c "$T/a/postern.conf" | jq -r '.[] | .relay, .state' | tr '\n' ' ')" 'a shares b shares '
"$build/postern-cluster" status --jsn -c "$T/a/postern.conf" >"$T/status.too" 2>&1
is 'and says how it is called' "$? $(cat "$T/status.too")" '2 *usage: postern-cluster status *--json*'

is 'for a monitoring system' "$("$build/postern" -c "$T/a/postern.conf" metrics 2>&1 | grep '^postern_cluster' | tr '\n' ' ')" \
    'postern_cluster_up 1 postern_cluster_relays{state="known"} 1 postern_cluster_relays{state="silent"} 0 postern_cluster_relays{state="differing"} 0 postern_cluster_waiting 0 postern_cluster_lost_total 0 postern_cluster_round_trip_seconds 0.[0-9]* postern_cluster_clock_offset_seconds *'

# ---- what differs ----
sed -i 's/rate = "12\/h"; burst = 28/rate = "12\/h"; burst = 27/; s/^tenants = .*//' "$T/b/postern.conf"
restart b
becomes 'another limit is named' "grep 'differs from this one in' $T/cluster-a.log" '*relay b differs from this one in: limits;*'
becomes 'in the status, too' "of a '.nodes[].differs'" limits
"$build/postern" -c "$T/a/postern.conf" status --cluster >"$T/status" 2>&1
is 'which needs a look' "$? $(cat "$T/status")" '3 *relay b differs in: limits*'
sed -i 's/^milter = /tenants = ( { name = "contoso"; domains = ["contoso.example"]; } ); client_ipv6_prefix_length = 56;\nconnectors = ( { name = "apps"; networks = ["198.51.100.0\/24"]; } );\nmilter = /' "$T/b/postern.conf"
restart b
becomes 'and all else of which keys are made' "of a '.nodes[].differs'" 'tenants, limits, connectors, prefixes'
for setting in 'burst = 27/burst = 28' '^tenants = .*/' '^connectors = .*/'; do sed -i "s/$setting/" "$T/b/postern.conf"; done
restart b
becomes 'when it is the same again that is said' "grep -c 'does not differ from this one any more' $T/cluster-a.log" '[1-9]*'
is 'a relay that was restarted is one relay' "$(of a '.nodes | length')" 1

# ---- silence ----
kill -STOP "$(cat "$T/cluster-b.pid")"
becomes 'a relay that is silent is known to be' "of a '.nodes[0].silent_s' | awk '{ print (\$1 >= 15) }'" 1
kill -CONT "$(cat "$T/cluster-b.pid")"
becomes 'until it is heard again' "of a '.nodes[0].silent_s'" 0

# ---- a copy ----
relay c
sed -i 's/node = "c"/node = "a"/' "$T/c/postern.conf"
mkdir -p "$T/c/state"
cp "$T/a/state/state" "$T/c/state/state"
start c
becomes 'a copy of a machine is noticed by both' "grep -l 'another relay says that it is a, too' $T/cluster-a.log $T/cluster-c.log | wc -l" 2
becomes 'and shown' "of a .clone" true
stop cluster-c
becomes 'until it is heard no more' "of a .clone" false
is 'and said once' "$(grep -c 'another relay says' "$T/cluster-a.log")" 1

# ---- no Redis ----
stop redis
becomes 'without Redis the status says so' "of a '.own.state, .trouble'" 'offline*[a-z]*'
"$build/postern-cluster" status -c "$T/a/postern.conf" >"$T/status" 2>&1
is 'and nothing is claimed of the others' "$? $(cat "$T/status")" '3 *a *offline, *b *not heard at the moment*this relay counts for itself (offline)*'
becomes 'after a minute people are notified' "cat $T/a/spool/alerts/*.json 2>/dev/null | jq -r .summary" '*has counted for itself for a minute*'

stop cluster-b
sed -i 's/"at":[0-9]*/"at":1700000000000/' "$T/b/cluster.json"
is 'and one that does not run is said not to' "$("$build/postern" -c "$T/b/postern.conf" status --cluster 2>&1)" '*postern-cluster does not run*'
mv "$T/cluster.key" "$T/away.key"
"$build/postern-cluster" status -c "$T/b/postern.conf" >"$T/status" 2>&1
is 'without a key it says who makes it' "$? $(cat "$T/status")" '3 *postern-cluster status: there is no cluster key *postern-cluster init*postern-cluster join*does not run*'
rm "$T/b/cluster.json"
"$build/postern-cluster" status --json -c "$T/b/postern.conf" >"$T/status" 2>"$T/status.too"
is 'one that never ran, too' "$? $(jq -c . "$T/status") $(cat "$T/status.too")" '3 \[\] *there is no cluster key*does not run, and has not since this machine began*'
sed '/^cluster = /d' "$T/b/postern.conf" >"$T/b/alone.conf"
"$build/postern-cluster" status -c "$T/b/alone.conf" >"$T/status" 2>&1
is 'and a relay that is alone knows it' "$? $(cat "$T/status")" '1 *has no group "cluster": this relay counts for itself'

is 'nothing was wrong in their memory' "$(grep -l 'ERROR: \|runtime error' "$T"/*.log)" ''
exit $status
