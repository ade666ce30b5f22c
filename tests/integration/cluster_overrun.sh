#!/bin/bash
# postern-cluster hangs until the outbox has gone round: what was overwritten is counted as lost, and said, and told when it is counted
# again. And one that does not read what others push. TAP lines. BUILD: the folder with programs.
set -u
cd "$(dirname "$0")/../.." || exit 1
. scripts/relay.sh
. tests/integration/cluster_lib.sh
more_limits=', { name = "day"; per = "user"; count = "messages"; rate = "28/d"; burst = 28; }'
flood=$build/tests/attacks/outbox_flood
[ -x "$flood" ] || make -s --no-print-directory "VARIANT=$(basename "$build")" "${flood#"$PWD/"}" || exit 1
redis_start
cluster_make a b
postern() { "$build/postern" -c "$T/$1/postern.conf" "${@:2}" 2>&1; }

# ---- the outbox goes round ----
login
lost=$who
kill -STOP "$(cat "$T/cluster-a.pid")"
is 'while postern-cluster hangs messages pass' "$(for i in $(seq 20); do ask once $lost "$T/a/policyd.sock"; done | sort -u)" DUNNO
login
blocked=$who
postern a block user $blocked >>"$T/cli.log"
"$flood" "$T/a/outbox" 270000
login
after=$who
for i in $(seq 5); do ask once $after "$T/a/policyd.sock" >/dev/null; done
is 'limits hold while it hangs' "$(used a $lost day) $(used a $after day)" '20 5'
kill -CONT "$(cat "$T/cluster-a.pid")"
becomes 'what was overwritten is counted as lost' 'own a lost' '[1-9]*'
is 'and shown' "$(postern a status --cluster | grep -c '[1-9][0-9]* lost')" 1
becomes 'what was posted last is told' "ask once $after $T/b/policyd.sock >/dev/null; used b $after day | awk '{ print (\$1 >= 6) }'" 1
becomes 'a block does not depend on it' "postern b blocks --csv | grep -c $blocked" 1
ask once $lost "$T/a/policyd.sock" >/dev/null
becomes 'and what was lost is told when it is counted again' "used b $lost day" 21
becomes 'nothing waits' 'own a waiting' 0

# ---- who does not read what others push is thrown out by Redis ----
redis CONFIG SET client-output-buffer-limit 'pubsub 1024 1024 1' >>"$T/cli.log"
becomes 'both listen' "redis CLIENT LIST TYPE pubsub | grep -c cmd=" 2
kill -STOP "$(cat "$T/cluster-b.pid")"
until [ "$(redis CLIENT LIST TYPE pubsub | wc -l)" = 1 ]; do
    redis EVAL "for i = 1, 200 do redis.call('PUBLISH', 'postern:hot', string.rep('x', 20000)) end" 0 >>"$T/cli.log"
done
login
for i in $(seq 20); do ask once $who "$T/a/policyd.sock" >/dev/null; done
becomes 'a relay that does not listen is thrown out, and the others share' 'own a waiting' 0
kill -CONT "$(cat "$T/cluster-b.pid")"
becomes 'it listens again' "redis CLIENT LIST TYPE pubsub | grep -c cmd=" 2
ask once $who "$T/b/policyd.sock" >/dev/null
becomes 'and what it missed it learns when it counts' "used b $who day" 21
ask once $who "$T/a/policyd.sock" >/dev/null
ask once $who "$T/a/policyd.sock" >/dev/null
becomes 'and hears the next' "agree $who a b; used b $who day" 'agreed*2[23]'

is 'nothing was wrong in their memory' "$(grep -l 'ERROR: \|runtime error' "$T"/*.log)" ''
exit $status
