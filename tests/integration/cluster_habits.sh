#!/bin/bash
# Limits beyond a habit over several relays, through a real Redis: they hold as on one relay. TAP lines. BUILD: the folder with
# programs.
set -u
cd "$(dirname "$0")/../.." || exit 1
. scripts/relay.sh
. tests/integration/cluster_lib.sh

# What a login that is being learnt may send in an hour.
limit='{ name = "hour"; per = "user"; count = "messages"; rate = "2/h"; beyond = "habit"; learning = 20; }'
# relay_of NAME: as relay, with that limit alone.
relay_of()
{
    relay "$1"
    sed -i "s|^  { name = \"user\".*|  $limit|; /name = \"roaming\"/d" "$T/$1/postern.conf"
}
p() { "$build/postern" -c "$T/$1/postern.conf" "${@:2}"; }
# counted NAME...: the messages of $who in the last hour, as these relays have them.
counted() { for name in "$@"; do p "$name" explain --user "$who" --client 192.0.2.1 | grep -o '[0-9]* messages in the last hour' | cut -d' ' -f1; done | xargs; }
send() { local i; for ((i = 0; i < $2; i++)); do ask once "$who" "$T/$1/policyd.sock"; done | sort | uniq -c | xargs; }
killed() { stop cluster-a -KILL; run cluster-a "$build/postern-cluster" -c "$T/a/postern.conf"; }

redis_start
cluster_directory
for name in a b c; do relay_of $name; done
"$build/postern-cluster" init -c "$T/a/postern.conf" >>"$T/cli.log" 2>&1
for name in b c; do "$build/postern-cluster" join -c "$T/$name/postern.conf" >>"$T/cli.log" 2>&1; done
# Replies to what relay a tells can be lost between them.
run between python3 tests/integration/cluster_between.py "$T/between.sock" "$T/redis.sock" "$T/swallow"
relay_wait relay_listens_at "$T/between.sock"
sed -i "s|unix:$T/redis.sock|unix:$T/between.sock|" "$T/a/postern.conf"
start a b c
for name in a b c; do relay_wait shares $name; done

# ---- the sum of all is what each has ----
login
is 'each relay lets some through' "$(send a 6) $(send b 6) $(send c 7)" '6 DUNNO 6 DUNNO 7 DUNNO'
becomes 'and each knows what all did' 'counted a b c' '19 19 19'
is 'what is left of the hour passes' "$(send b 1)" '1 DUNNO'
becomes 'and then each refuses' "for name in a b c; do ask once $who $T/\$name/policyd.sock; done | cut -c1 | xargs" '4 4 4'
login
got=$(ask steal "$who" 4 "$T/a/policyd.sock" "$T/b/policyd.sock" "$T/c/policyd.sock")
at_most "a stolen login gets hardly more through three relays than through one: $got" "${got%% *}" 53

# ---- an operator lets it go on ----
p b unblock --accept "$who" >"$T/accepted"
becomes 'what an operator accepts on one relay is accepted on all' 'counted a b c' '0 0 0'
is 'and they let it through' "$(for name in a b c; do ask once "$who" "$T/$name/policyd.sock"; done | sort -u)" DUNNO

# ---- postern-cluster is killed ----
login
for ((i = 0; i < 3; i++)); do
    touch "$T/swallow"
    send a 1 >/dev/null
    relay_wait test -e "$T/swallow.lost"
    rm -f "$T/swallow" "$T/swallow.lost"
    killed
done
for ((i = 0; i < 6; i++)); do
    send a 1 >/dev/null &
    sender=$!
    send b 1 >/dev/null
    sleep 0.$((RANDOM % 10))
    killed
    wait $sender
done
becomes 'what it told before kills and after them counts once on each' 'counted a b c' '15 15 15'
sleep 1
is 'and stays so' "$(counted a b c)" '15 15 15'

# ---- a relay that comes later ----
relay_of d
"$build/postern-cluster" join -c "$T/d/postern.conf" >>"$T/cli.log" 2>&1
start d
becomes 'a new relay takes over what is usual for each login' "grep -c 'habits of [1-9][0-9]* logins were taken over' $T/cluster-d.log" 1
becomes 'and what was sent in this hour, once' 'counted d' 15
stop cluster-d
stop policyd-d

# ---- without Redis, and with an empty one ----
kill -STOP "$(cat "$T/redis.pid")"
send a 1 >/dev/null
is 'while Redis hangs each counts for itself' "$(counted a b c)" '16 15 15'
kill -CONT "$(cat "$T/redis.pid")"
becomes 'and tells it afterwards' 'counted a b c' '16 16 16'
stop redis -KILL
send b 1 >/dev/null
redis_start
becomes 'what was counted while Redis was away is told to the new one' 'counted a b c' '17 17 17'
becomes 'which is told all habits again' "redis --scan --pattern 'postern:{m}:habit:*' | grep -c habit" '[3-9]*'
sleep 1
is 'nothing of it counts twice, and nothing is forgotten' "$(counted a b c)" '17 17 17'
is 'Redis knows no login' "$(redis --scan | strings | grep -c 'contoso\|user[0-9]')" 0

is 'nothing was wrong in their memory' "$(grep -l 'ERROR: \|runtime error' "$T"/*.log)" ''
exit $status
