#!/bin/bash
# What a relay counted is counted once, whenever its postern-cluster is killed: through a real Redis. TAP lines. BUILD: the folder
# with programs.
set -u
cd "$(dirname "$0")/../.." || exit 1
. scripts/relay.sh
. tests/integration/cluster_lib.sh

redis_start
cluster_make a
stop cluster-a
# Replies to batches can be lost between them.
run between python3 tests/integration/cluster_between.py "$T/between.sock" "$T/redis.sock" "$T/swallow"
relay_wait relay_listens_at "$T/between.sock"
sed -i "s|unix:$T/redis.sock|unix:$T/between.sock|" "$T/a/postern.conf"
run cluster-a "$build/postern-cluster" -c "$T/a/postern.conf"

# All that Redis has of counters, in units of 300 s: a message is one, and a login's first network twelve.
counted()
{
    redis EVAL "local t, units = redis.call('TIME'), 0
        for _, key in ipairs(redis.call('KEYS', 'postern:{??}:*')) do
            local left = (tonumber(redis.call('GET', key)) or 0) - t[1] * 1000000 - t[2]
            if left > 0 then units = units + math.ceil(left / 300000000) end
        end
        return units" 0 | tr -dc 0-9
}
send() { local i; for ((i = 0; i < $1; i++)); do ask once "$who" "$T/a/policyd.sock"; done; }
killed() { stop cluster-a -KILL; run cluster-a "$build/postern-cluster" -c "$T/a/postern.conf"; }

login
send 5 >/dev/null
becomes 'what was counted here is counted in Redis' counted 17

# ---- killed when Redis has the batch, and before the reply comes ----
for i in 1 2 3; do
    touch "$T/swallow"
    send 1 >/dev/null
    relay_wait test -e "$T/swallow.lost"
    rm -f "$T/swallow" "$T/swallow.lost"
    killed
done
send 1 >/dev/null
becomes 'what was told before a kill is not counted again after it' counted 21
sleep 1
is 'nor later' "$(counted)" 21

# ---- killed with two batches to tell, of which Redis has the first ----
stop cluster-a -KILL
first=$n
for ((i = 0; i < 45; i++)); do login; send 1 >/dev/null; done
touch "$T/swallow"
run cluster-a "$build/postern-cluster" -c "$T/a/postern.conf"
relay_wait test -e "$T/swallow.lost"
stop cluster-a -KILL
rm -f "$T/swallow" "$T/swallow.lost"
who=user$((first + 1))@contoso.example
send 2 >/dev/null
run cluster-a "$build/postern-cluster" -c "$T/a/postern.conf"
becomes 'nor where it is a part of what was to be told' counted $((21 + 45 * 13 + 2))

# ---- killed at any time ----
login
for ((i = 0; i < 8; i++)); do
    send 3 >/dev/null &
    sender=$!
    sleep 0.$((RANDOM % 10))
    killed
    wait $sender
done
becomes 'nor after kills at any moment' counted $((21 + 45 * 13 + 2 + 12 + 24))
sleep 1
is 'and it stays so' "$(counted)" $((21 + 45 * 13 + 2 + 12 + 24))

is 'nothing was wrong in their memory' "$(grep -l 'ERROR: \|runtime error' "$T"/*.log)" ''
exit $status
