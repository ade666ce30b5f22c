#!/bin/bash
# Relays that meet at a Redis Cluster of three masters on loopback, one of which has a replica. Slots are moved while messages are
# counted, masters die, hang, lose their data: what is counted stays exact. TAP lines. BUILD: the folder with programs.
set -u
cd "$(dirname "$0")/../.." || exit 1
. scripts/relay.sh
. tests/integration/cluster_lib.sh
printf 'a-password-of-redis\n' >"$T/password"
chmod 600 "$T/password"
# As the manual says. Redis 7.0 reads its append-only file with the rights of the default user.
{
    echo 'user default off ~* &* +@all'
    echo 'user admin on >x ~* &* +@all'
    acl_of_manual postern a-password-of-redis
} >"$T/redis.acl"
ports=(0) buses=(0)
for i in 1 2 3 4; do ports[i]=$(relay_free_port) buses[i]=$(relay_free_port); done
# node N
node()
{
    mkdir -p "$T/redis-$1"
    run "redis-$1" "$REDIS_SERVER" --bind 127.0.0.1 --port "${ports[$1]}" --cluster-port "${buses[$1]}" --cluster-enabled yes --cluster-node-timeout 2000 \
        --cluster-require-full-coverage no --cluster-replica-validity-factor 0 --dir "$T/redis-$1" --save '' --appendonly yes --appendfsync always \
        --aclfile "$T/redis.acl" --masteruser admin --masterauth x --repl-diskless-sync-delay 0
    relay_wait at "$1" PING
}
at() { "$REDIS_CLI" -p "${ports[$1]}" --user admin --pass x --no-auth-warning "${@:2}"; }
manage() { "$REDIS_CLI" --cluster "$@" --user admin --pass x --no-auth-warning >>"$T/manage.log" 2>&1 || tail -3 "$T/manage.log"; }
is_whole()
{
    local i
    for i in "$@"; do at "$i" CLUSTER INFO | grep -q 'cluster_state:ok' && at "$i" CLUSTER INFO | grep -q "cluster_known_nodes:${nodes:-3}" || return 1; done
}
# errors N WORD: how often it has said so
errors() { at "$1" INFO errorstats | tr -d '\r' | sed -n "s/^errorstat_$2:count=//p"; }
# What all relays have counted by the limit "exact", of which one message takes a day: the sum of what stands in all masters.
counted()
{
    local i now total=0
    for i in 1 2 3 4; do
        at "$i" ROLE 2>/dev/null | head -1 | grep -q master || continue
        now=$(at "$i" TIME | head -1)
        total=$((total + $(at "$i" EVAL "
            local sum, cursor = 0, '0'
            repeat
                local page = redis.call('SCAN', cursor, 'MATCH', 'postern:{??}:*', 'COUNT', 1000)
                cursor = page[1]
                for _, key in ipairs(page[2]) do
                    local value = redis.pcall('GET', key)
                    local ends = #key == 21 and type(value) == 'string' and tonumber(value) or 0
                    sum = sum + math.max(0, math.floor((ends / 1000000 - $now) / 86400 + 0.5))
                end
            until cursor == '0'
            return sum" 0)))
    done
    echo "$total"
}
# known WHAT FROM TO: what one counts, the other knows, which may let a message or two through before.
known()
{
    local said passed=0
    login
    ask steal $who 1 "$T/$2/policyd.sock" >"$T/count"
    while said=$(ask once $who "$T/$3/policyd.sock") && [ "$said" = DUNNO ] && [ $passed -lt 20 ]; do passed=$((passed + 1)); done
    is "$1" "$said" '4*'
    total=$((total + $(cut -d ' ' -f 1 "$T/count") + passed))
}
count() { ask count "$1" "$2" "$3" "$T/a/policyd.sock" "$T/b/policyd.sock" >"$T/count"; total=$((total + $(cat "$T/count"))); }

for i in 1 2 3 4; do node $i; done
manage create "127.0.0.1:${ports[1]}" "127.0.0.1:${ports[2]}" "127.0.0.1:${ports[3]}" --cluster-yes
relay_wait is_whole 1 2 3
manage add-node "127.0.0.1:${ports[4]}" "127.0.0.1:${ports[1]}" --cluster-slave --cluster-master-id "$(at 1 CLUSTER MYID)"
nodes=4
relay_wait is_whole 1 2 3 4
more_limits=', { name = "exact"; per = "user"; count = "messages"; rate = "1/d"; burst = 100; }'
signed_in="user = \"postern\"; password_file = \"$T/password\";"
place="server = [\"127.0.0.1:1\", \"127.0.0.1:${ports[3]}\", \"127.0.0.1:${ports[2]}\"]; $signed_in"
cluster_make a
place="server = \"127.0.0.1:${ports[1]}\"; $signed_in"
relay b
"$build/postern-cluster" join -c "$T/b/postern.conf" >>"$T/cli.log" 2>&1
start b
for name in a b; do becomes "relay $name shares, with the rights that the manual names" "shares $name" 1; done
total=0

# ---- counting ----
count 3 1 20
becomes "what is counted is on the masters, once: $total" counted "$total"
for i in 1 2 3; do is "and there is some of it on master $i" "$(at $i --scan --pattern 'postern:{??}:*' | wc -l)" '[1-9]*'; done
n=20
known 'what one counts, the other knows' a b
"$build/postern" -c "$T/a/postern.conf" block user user50@contoso.example >>"$T/cli.log" 2>&1
becomes 'a block is seen' "ask once user50@contoso.example $T/b/policyd.sock" '5*'
becomes 'still exact' counted "$total"

# ---- slots are moved ----
ask count 20 22 41 "$T/a/policyd.sock" "$T/b/policyd.sock" >"$T/count" &
counting=$!
manage reshard "127.0.0.1:${ports[1]}" --cluster-from "$(at 2 CLUSTER MYID)" --cluster-to "$(at 3 CLUSTER MYID)" --cluster-slots 1500 --cluster-yes
wait $counting
total=$((total + $(cat "$T/count")))
becomes "while slots are moved, all is counted, once: $total" counted "$total"
becomes 'and tell nobody that anything is wrong' "grep -c 'forgotten\|Redis refuses' $T/cluster-a.log $T/cluster-b.log | sed 's/.*://' | tr '\n' ' '" '0 0 '
# A slot of which all keys are moved, but whose move is not over: one that a message has just been counted in, since some logins
# can't send any more.
ends()
{
    at 3 EVAL "
        local sums, out, cursor = {}, {}, '0'
        repeat
            local page = redis.call('SCAN', cursor, 'MATCH', 'postern:{??}:*', 'COUNT', 1000)
            cursor = page[1]
            for _, key in ipairs(page[2]) do
                local tag, value = string.sub(key, 10, 11), redis.pcall('GET', key)
                sums[tag] = (sums[tag] or 0) + (type(value) == 'string' and tonumber(value) or 0)
            end
        until cursor == '0'
        for tag, sum in pairs(sums) do out[#out + 1] = tag .. string.format(' %.0f', sum) end
        return out" 0 | sort
}
ends >"$T/ends"
count 1 1 41
becomes "one more of each: $total" counted "$total"
slot=$(ends | comm -13 "$T/ends" - | sed -n '1s/ .*//p')
slot=$(at 3 CLUSTER KEYSLOT "{$slot}")
{
    at 1 CLUSTER SETSLOT "$slot" IMPORTING "$(at 3 CLUSTER MYID)"
    at 3 CLUSTER SETSLOT "$slot" MIGRATING "$(at 1 CLUSTER MYID)"
} >>"$T/manage.log"
python3 - "${ports[3]}" "${ports[1]}" "$slot" <<'PY' >>"$T/manage.log"
import socket, sys
def redis(port):
    s = socket.create_connection(("127.0.0.1", int(port)))
    f = s.makefile("rb")
    def read():
        line = f.readline()
        if line[:1] == b"*": return [read() for _ in range(int(line[1:]))]
        if line[:1] == b"$": return f.read(int(line[1:]) + 2)[:-2]
        return line[:-2]
    def call(*words):
        words = [w if isinstance(w, bytes) else str(w).encode() for w in words]
        s.sendall(b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%s\r\n" % (len(w), w) for w in words))
        return read()
    call("AUTH", "admin", "x")
    return call
r = redis(sys.argv[1])
keys = r("CLUSTER", "GETKEYSINSLOT", sys.argv[3], 1000)
print(r("MIGRATE", "127.0.0.1", sys.argv[2], "", 0, 5000, "AUTH2", "admin", "x", "KEYS", *keys))
PY
count 6 1 41
becomes "while a slot is being moved, the others are counted" "counted | awk '{ print (\$1 > $total - $(cat "$T/count") / 2) }'" 1
# On a slow machine it takes a while until each login was there.
for ((tries = 0; tries < 10; tries++)); do [ -z "$(errors 3 ASK)" ] || break; count 3 1 41; done
is 'relays are redirected for this once (ASK)' "$(errors 3 ASK)" '[1-9]*'
for i in 1 3 2; do at $i CLUSTER SETSLOT "$slot" NODE "$(at 1 CLUSTER MYID)" >>"$T/manage.log"; done
# They ask every few seconds where slots are: not before each of these.
before=$(errors 3 MOVED)
for ((tries = 0; tries < 10; tries++)); do [ "$(errors 3 MOVED)" = "$before" ] || break; count 3 1 41; done
is 'and for good when it is over (MOVED)' "$(($(errors 3 MOVED) - ${before:-0}))" '[1-9]*'
becomes "and when that is over, all of it: $total" counted "$total"

# ---- a master dies, its replica takes over ----
is 'all is in the replica' "$(at 1 WAIT 1 10000)" 1
stop redis-1 -KILL
login
count 4 1 20
becomes "when a master has died and its replica took over, all is counted: $total" counted "$total"
for name in a b; do becomes "relay $name shares" "tail -n 30 $T/cluster-$name.log | grep -c 'forgotten'" 0; done
n=41
known 'what one counts, the other knows' a b
node 1
relay_wait is_whole 1 2 3 4

# ---- a master without a replica is away ----
stop redis-2 -KILL
count 4 1 20
becomes 'while a master is away, the keys of others are counted' "counted | awk '{ print (\$1 > $total / 3) }'" 1
becomes 'the relays say so' "grep -c 'no connection to 127.0.0.1, port ${ports[2]} of the Redis Cluster' $T/cluster-a.log" '[1-9]*'
node 2
relay_wait is_whole 1 2 3 4
becomes "when it is back, all is counted: $total" counted "$total"

# ---- a master hangs ----
kill -STOP "$(cat "$T/redis-3.pid")"
login
is 'while a master hangs messages pass' "$(ask once $who "$T/a/policyd.sock")" DUNNO
total=$((total + 1))
count 1 1 20
sleep 6
kill -CONT "$(cat "$T/redis-3.pid")"
relay_wait is_whole 1 2 3 4
becomes "and all is counted when it goes on: $total" counted "$total"

# ---- a relay that comes later ----
relay c
"$build/postern-cluster" join -c "$T/c/postern.conf" >>"$T/cli.log" 2>&1
login
ask steal $who 1 "$T/a/policyd.sock" >/dev/null
start c
becomes 'a new relay takes over what the others have counted' "grep 'counters of all relays were taken over' $T/cluster-c.log" '*: [1-9][0-9]*'
is 'and refuses the first message of a stolen login' "$(ask once $who "$T/c/policyd.sock")" '4*'
becomes 'and knows the blocks' "ask once user50@contoso.example $T/c/policyd.sock" '5*'

# ---- a master is emptied ----
at 3 FLUSHALL >>"$T/manage.log"
becomes 'a master that was emptied is noticed' "grep -c '127.0.0.1, port ${ports[3]} of the Redis Cluster has forgotten' $T/cluster-a.log" 1
becomes 'and told again' "at 3 --scan --pattern 'postern:{??}:*' | wc -l" '[1-9][0-9]*'

is 'nothing was wrong in their memory' "$(grep -l 'ERROR: \|runtime error' "$T"/*.log)" ''
exit $status
