#!/bin/bash
# Another Redis in the place of the first: one that lacks the last that the first was told, and one with another clock. TAP lines.
# BUILD: the folder with programs.
set -u
cd "$(dirname "$0")/../.." || exit 1
. scripts/relay.sh
. tests/integration/cluster_lib.sh
more_limits=', { name = "fast"; per = "user"; count = "messages"; rate = "60/m"; burst = 10; then = "defer"; }'
place="server = \"unix:$T/now.sock\";"
ports=$(relay_free_port)
# server NAME [COMMAND...]: a Redis that copies the first, once; what the first is told later it lacks. COMMAND runs it.
server()
{
    run "$1" "${@:2}" "$REDIS_SERVER" --port 0 --unixsocket "$T/$1.sock" --save '' --appendonly no --dir "$T" --daemonize no --replicaof "127.0.0.1 $ports"
    relay_wait eval "\"$REDIS_CLI\" -s $T/$1.sock INFO replication | grep -q master_link_status:up"
}
lags() { "$REDIS_CLI" -s "$T/$1.sock" REPLICAOF NO ONE >>"$T/cli.log"; }
# takes_over NAME FROM: from now on all are at NAME.
takes_over()
{
    ln -sfn "$1.sock" "$T/now.sock"
    stop "$2" -KILL
}
postern() { "$build/postern" -c "$T/$1/postern.conf" "${@:2}" 2>&1; }
everywhere() { for name in a b c; do postern $name blocks --csv | grep -c "$1"; done | tr '\n' ' '; }
all_are() { for name in a b c; do own "$name" state; done | sort -u; }

run first "$REDIS_SERVER" --bind 127.0.0.1 --port "$ports" --unixsocket "$T/first.sock" --save '' --appendonly no --dir "$T" --daemonize no
relay_wait "$REDIS_CLI" -s "$T/first.sock" PING
ln -sfn first.sock "$T/now.sock"
cluster_make a b c

# ---- one that lacks the last ----
login
lifted=$who
postern a block user $lifted >>"$T/cli.log"
becomes 'a block is everywhere' "everywhere $lifted" '1 1 1 '
server second
lags second
kill -STOP "$(cat "$T/cluster-c.pid")"
login
late=$who
postern a block user $late >>"$T/cli.log"
postern b unblock user $lifted >>"$T/cli.log"
login
counted=$who
for i in $(seq 10); do ask once $counted "$T/a/policyd.sock" >/dev/null; done
becomes 'two relays have a block and a lift of which neither the third nor the next Redis has heard' "everywhere $late; everywhere $lifted" '1 1 0*0 0 1*'
relay_wait eval '[ "$(own a waiting)" = 0 ]'
takes_over second first
becomes 'the others notice that the next lacks something' "grep -l 'lacks the last that it was told' $T/cluster-?.log | wc -l" '[12]'
kill -CONT "$(cat "$T/cluster-c.pid")"
becomes 'and tell it again: the block is everywhere' "everywhere $late" '1 1 1 '
becomes 'and what was lifted is lifted' "everywhere $lifted" '0 0 0 '
login
postern c block user $who >>"$T/cli.log"
becomes 'and new blocks arrive' "everywhere $who" '1 1 1 '
ask once $counted "$T/a/policyd.sock" >/dev/null
becomes 'what was counted is known when it is counted again' "agree $counted a c" agreed

# ---- one whose clock is behind ----
"$REDIS_CLI" -s "$T/second.sock" CONFIG SET bind 127.0.0.1 >>"$T/cli.log"
"$REDIS_CLI" -s "$T/second.sock" CONFIG SET port "$ports" >>"$T/cli.log"
"${CC:-gcc}" -O2 -Wall -shared -fPIC -o "$T/clock.so" tests/integration/cluster_clock.c || exit 1
login
honest=$who
for i in 1 2 3 4; do ask once $honest "$T/a/policyd.sock" >/dev/null; done
login
blocked=$who
postern a block user $blocked --for 5h >>"$T/cli.log"
becomes 'a block before the clock steps' "everywhere $blocked" '1 1 1 '
relay_wait eval '[ "$(own a waiting)" = 0 ]'
server behind env "LD_PRELOAD=$T/clock.so" CLOCK_SECONDS=-3600
lags behind
takes_over behind second
becomes 'all are at one whose clock is an hour behind' 'all_are; own a clock_ms | cut -c1-3' 'shares*-3[56]'
becomes 'and say so' "grep -l 'clocks of Redis and of this relay differ by -3' $T/cluster-?.log | wc -l" 3
is 'blocks stand as they did' "$(everywhere $blocked)" '1 1 1 '
ask once $honest "$T/b/policyd.sock" >/dev/null
becomes 'who sent some waits for no longer than a burst takes' "ask once $honest $T/b/policyd.sock" DUNNO
for i in 1 2 3 4 5 6; do sleep 1.5; ask once $honest "$T/b/policyd.sock"; done >"$T/passed"
is 'and once' "$(sort -u "$T/passed")" DUNNO
login
postern b block user $who >>"$T/cli.log"
becomes 'new blocks arrive, though its time is before what was read' "everywhere $who" '1 1 1 '
login
becomes 'and what is counted' "ask steal $who 0.5 $T/a/policyd.sock >/dev/null; ask once $who $T/b/policyd.sock" '4*'

# ---- one whose clock is ahead ----
"$REDIS_CLI" -s "$T/behind.sock" CONFIG SET bind 127.0.0.1 >>"$T/cli.log"
"$REDIS_CLI" -s "$T/behind.sock" CONFIG SET port "$ports" >>"$T/cli.log"
login
counted=$who
for i in $(seq 10); do ask once $counted "$T/a/policyd.sock" >/dev/null; done
relay_wait eval '[ "$(own a waiting)" = 0 ]'
server ahead env "LD_PRELOAD=$T/clock.so" CLOCK_SECONDS=3600
lags ahead
takes_over ahead behind
becomes 'all are at one whose clock is an hour ahead' 'all_are; own a clock_ms | cut -c1-2' 'shares*3[56]'
is 'blocks stand as they did' "$(everywhere $blocked)" '1 1 1 '
ask once $counted "$T/a/policyd.sock" >/dev/null
becomes 'what has ended there only is known when it is counted again' "agree $counted a c; used c $counted" 'agreed*1[01]'

is 'nothing was wrong in their memory' "$(grep -l 'ERROR: \|runtime error' "$T"/*.log)" ''
exit $status
