#!/bin/bash
# Relays that share what they count, through a real Redis: three policy servers with a state each, a postern-cluster beside each
# of them. TAP lines. BUILD: the folder with programs.
set -u
cd "$(dirname "$0")/../.." || exit 1
. scripts/relay.sh
. tests/integration/cluster_lib.sh
sockets="$T/a/policyd.sock $T/b/policyd.sock $T/c/policyd.sock"

cluster_directory

# ---- membership ----
for name in a b c; do
    relay $name
    [ $name != b ] || sed -i '1i tenants = ({ name = "contoso"; netbios = ["CONTOSO"]; });' "$T/b/postern.conf"
done
run policyd-a "$build/postern-policyd" -c "$T/a/postern.conf"
relay_wait relay_listens_at "$T/a/policyd.sock"
is 'without a key it says who makes it' "$("$build/postern-cluster" -c "$T/a/postern.conf" 2>&1)" '*cluster.key*postern-cluster init*'
is 'the first relay makes the key' "$("$build/postern-cluster" init -c "$T/a/postern.conf" 2>&1)" "$T/cluster.key: made, check value ????????????????*"
is 'which nobody else may read' "$(stat -c %a "$T/cluster.key")" 600
is 'and which is never made again' "$("$build/postern-cluster" init -c "$T/a/postern.conf" 2>&1)" '*exists*'
is 'the first relay has the secret already' "$("$build/postern-cluster" join -c "$T/a/postern.conf" 2>&1)" '*has the cluster*already*'
run policyd-b "$build/postern-policyd" -c "$T/b/postern.conf"
relay_wait relay_listens_at "$T/b/policyd.sock"
{
    "$build/postern" -c "$T/b/postern.conf" block user user50@contoso.example
    "$build/postern" -c "$T/b/postern.conf" block 198.51.100.7
    "$build/postern" -c "$T/b/postern.conf" block login 'CONTOSO\user51' --force
} >>"$T/cli.log" 2>&1
redis_start
run cluster-b "$build/postern-cluster" -c "$T/b/postern.conf"
becomes 'a relay whose state has another secret shares nothing, and says what to do' "grep 'another secret' $T/cluster-b.log" '*postern-cluster*join*'
is 'a relay joins, with its blocks' "$("$build/postern-cluster" join -c "$T/b/postern.conf" 2>&1)" '*has the cluster*; 3 blocks were taken along*'
becomes 'its services follow without a restart' "shares b" 1
becomes 'and refuse whom they refused' "ask once user50@contoso.example $T/b/policyd.sock" '5*'
is 'by whatever name' "$("$build/postern" -c "$T/b/postern.conf" explain --user 'CONTOSO\user51' --client 203.0.113.9 2>&1 | grep '^Verdict')" 'Verdict: reject (blocked)'
stop cluster-b
stop policyd-b
stop policyd-a
relay b
is 'a relay without a state joins, too' "$("$build/postern-cluster" join -c "$T/c/postern.conf" 2>&1)" '*has the cluster*; 0 blocks*'
: >"$T/cluster-b.log"
start a b c
for name in a b c; do becomes "relay $name shares" "shares $name" 1; done

# ---- a stolen login ----
login
# shellcheck disable=SC2086 # three paths
got=$(ask steal $who 6 $sockets)
at_most "a stolen login gets hardly more through three relays than through one: $got" "${got%% *}" 61
is 'and each of them let something through' "$got" '[1-9]* [1-9]* [1-9]* [1-9]*'
for name in a b c; do is "relay $name refuses it" "$(ask once $who "$T/$name/policyd.sock")" '4*'; done
login
is 'an honest login is let through by each' "$(for name in a b c; do ask once $who "$T/$name/policyd.sock"; done | sort -u)" DUNNO

# ---- distinct members ----
login
for net in 1 2 3 4; do
    for name in a b c; do ask once $who "$T/$name/policyd.sock" "198.51.$((100 + net)).1"; sleep 0.3; done
done >"$T/travel"
is 'a traveller who is seen by three relays counts each network once' "$(sort -u "$T/travel")" DUNNO
is 'and a network too many is refused by each' "$(for name in a b c; do ask once $who "$T/$name/policyd.sock" 203.0.113.1; done | sort -u | wc -l)" '[12]'

# ---- a relay that comes later ----
login
ask steal $who 2 "$T/a/policyd.sock" >"$T/stolen"
relay e
"$build/postern-cluster" join -c "$T/e/postern.conf" >>"$T/cli.log" 2>&1
start e
becomes 'a new relay takes over what the others have counted' "grep 'counters of all relays were taken over' $T/cluster-e.log" '*: [1-9]*'
is 'and refuses the first message of a stolen login' "$(ask once $who "$T/e/policyd.sock")" '4*'
stop cluster-e

# ---- what Redis is told ----
is 'Redis knows no login and no address' "$(redis --scan | strings | grep -c 'contoso\|user[0-9]')" 0
is 'and nothing that never ends but who its relays are, how they are, and what they tell for good' "$(for k in $(redis --scan --pattern 'postern:{m}:*'); do echo "$k" "$(redis TTL "$k")"; done | sort | awk '$2 == -1 { print $1 }' | tr '\n' ' ')" 'postern:{m}:blocks postern:{m}:epoch postern:{m}:events postern:{m}:key postern:{m}:nodes '

# ---- postern-cluster is killed ----
login
stop cluster-a -KILL
# shellcheck disable=SC2086 # three paths
got=$(ask steal $who 2 "$T/a/policyd.sock")
is 'while it is dead its relay counts for itself' "$got" '28 28'
run cluster-a "$build/postern-cluster" -c "$T/a/postern.conf"
becomes 'and what it counted meanwhile is told when it is back' "ask once $who $T/c/policyd.sock" '4*'

# ---- Redis is gone, and comes back empty ----
login
# shellcheck disable=SC2086 # three paths
got=$(ask steal $who 3 $sockets)
stop redis -KILL
becomes 'relays notice that Redis is gone' "grep -l 'no connection to Redis' $T/cluster-?.log | wc -l" 3
is 'and go on without it' "$(for name in a b c; do ask once $who "$T/$name/policyd.sock"; done | sort -u)" '4*'
login
is 'with limits of their own' "$(for name in a b c; do ask once $who "$T/$name/policyd.sock"; done | sort -u)" DUNNO
redis_start
becomes 'they notice that the new one has forgotten everything' "grep -l 'has forgotten' $T/cluster-?.log | wc -l" 3
becomes 'and tell it again what they have' "redis --scan --pattern 'postern:{??}:*' | wc -l" '[1-9]*'

# ---- Redis hangs ----
login
kill -STOP "$(cat "$T/redis.pid")"
is 'while Redis hangs the policy server answers' "$(for name in a b c; do ask once $who "$T/$name/policyd.sock"; done | sort -u)" DUNNO
# shellcheck disable=SC2086 # three paths
got=$(ask steal $who 8 $sockets)
is "each by its own count: $got" "$got" '8[0-9] *'
kill -CONT "$(cat "$T/redis.pid")"
login
becomes 'and when it goes on they share again' "ask steal $who 0.5 $T/a/policyd.sock; ask once $who $T/b/policyd.sock" '*4[0-9][0-9]*'

# ---- another cluster's relay ----
relay d "$T/other.key"
run policyd-d "$build/postern-policyd" -c "$T/d/postern.conf"
relay_wait relay_listens_at "$T/d/policyd.sock"
"$build/postern-cluster" init -c "$T/d/postern.conf" >>"$T/cli.log" 2>&1
run cluster-d "$build/postern-cluster" -c "$T/d/postern.conf"
becomes 'a relay with another key is not let in, and says why' "grep 'not shared' $T/cluster-d.log" '*another cluster key*'
is 'once' "$(grep -c 'not shared' "$T/cluster-d.log")" 1

is 'its help names its commands' "$("$build/postern-cluster" -h | grep -c '^  \(init\|join\|status\) ')" 3
is 'nothing was wrong in their memory' "$(grep -l 'ERROR: \|runtime error' "$T"/*.log)" ''
exit $status
