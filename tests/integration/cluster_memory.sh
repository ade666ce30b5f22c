#!/bin/bash
# Redis without the memory that it needs: full for long, and one that throws keys away. TAP lines. BUILD: the folder with programs.
set -u
cd "$(dirname "$0")/../.." || exit 1
. scripts/relay.sh
. tests/integration/cluster_lib.sh
roaming="block 1h"
alerts='alerts = ( { command = ["/bin/true"]; events = ["cluster"]; } );'
redis_start
cluster_make a b
postern() { "$build/postern" -c "$T/$1/postern.conf" "${@:2}" 2>&1; }
blocks() { postern "$1" blocks --csv | grep -c "$2"; }

# ---- full ----
login
redis CONFIG SET maxmemory 1 >>"$T/cli.log"
is 'while Redis is full messages pass' "$(for i in $(seq 20); do ask once $who "$T/a/policyd.sock"; done | sort -u)" DUNNO
login
blocked=$who
postern a block user $blocked >>"$T/cli.log"
becomes 'the relay says what is wrong' "grep -c 'Redis refuses what this relay counted.*OOM' $T/cluster-a.log" 1
becomes 'and for how many seconds ever that is' 'own a resent | awk "{ print (\$1 > 22) }"' 1
redis CONFIG SET maxmemory 0 >>"$T/cli.log"
becomes 'when it has room, what was counted is told' 'own a waiting' 0
is 'and nothing was lost' "$(own a lost)" 0
ask once user$((n - 1))@contoso.example "$T/b/policyd.sock" >/dev/null
becomes 'so the other relay knows all of it' "used b user$((n - 1))@contoso.example" '2[01]'
becomes 'and the block' "blocks b $blocked" 1

# ---- a batch that Redis can't take ----
login
counters() { redis --scan --pattern 'postern:{??}:*' | wc -l; }
before=$(counters)
ask once $who "$T/a/policyd.sock" >/dev/null
relay_wait eval '[ "$(counters)" -gt "$before" ]'
redis EVAL "for _, k in ipairs(redis.call('KEYS', 'postern:{??}:*')) do redis.call('DEL', k) redis.call('LPUSH', k, 'x') end" 0 >>"$T/cli.log"
ask once $who "$T/a/policyd.sock" >/dev/null
becomes 'what Redis can never take is given up, and counted as lost' 'own a lost' '[1-9]*'
is 'and said' "$(grep -c 'cannot take what this relay counted of [12] keys.*WRONGTYPE' "$T/cluster-a.log")" 1
login
ask once $who "$T/a/policyd.sock" >/dev/null
becomes 'what came after it is told' "ask once $who $T/b/policyd.sock >/dev/null; used b $who | awk '{ print (\$1 >= 2) }'" 1
redis FLUSHALL >>"$T/cli.log"

# ---- evicting ----
becomes 'all is told again' "redis --scan --pattern 'postern:*:blocks' | wc -l" 1
redis CONFIG SET maxmemory-policy allkeys-lru >>"$T/cli.log"
redis CONFIG SET maxmemory 3mb >>"$T/cli.log"
for name in a b; do
    becomes "a Redis that may throw keys away is told of by relay $name" "grep -c 'Redis is set to throw away.*allkeys-lru' $T/cluster-$name.log" 1
done
becomes 'and by its audit' "'$build/postern' -c '$T/a/postern.conf' audit --json | grep -c '\"cluster-evicts\", \"severity\": \"high\"'" 1
fill() { redis EVAL "for i = 1, 3000 do redis.call('SET', 'other:' .. ARGV[1] .. i, string.rep('x', 1000)) end" 0 "$1" >>"$T/cli.log"; }
for i in $(seq 10); do fill "$i"; done
becomes 'and so is that it does' "grep -c 'Redis has thrown away [1-9]' $T/cluster-a.log" 1
is 'no relay loses a block by that' "$(blocks a $blocked) $(blocks b $blocked)" '1 1'
login
becomes 'counters are shared all the same' "ask steal $who 1 $T/a/policyd.sock >/dev/null; ask once $who $T/b/policyd.sock" '4*'
{
    redis CONFIG SET maxmemory-policy noeviction
    redis CONFIG SET maxmemory 0
    redis DEL "$(redis --scan --pattern 'postern:*:blocks')"
} >>"$T/cli.log"
becomes 'blocks that Redis has lost are told again' "redis HLEN \"\$(redis --scan --pattern 'postern:*:blocks')\"" '[1-9]*'
relay c
"$build/postern-cluster" join -c "$T/c/postern.conf" >>"$T/cli.log" 2>&1
redis DEL "$(redis --scan --pattern 'postern:*:events')" >>"$T/cli.log"
start c
becomes 'so a relay that comes later has them' "blocks c $blocked" 1

is 'nothing was wrong in their memory' "$(grep -l 'ERROR: \|runtime error' "$T"/*.log)" ''
exit $status
