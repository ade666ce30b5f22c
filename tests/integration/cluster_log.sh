#!/bin/bash
# "postern log --cluster", through a real Redis: what all relays decided, who does not answer, and nobody else's questions. TAP lines.
# BUILD: the folder with programs.
set -u
cd "$(dirname "$0")/../.." || exit 1
. scripts/relay.sh
. tests/integration/cluster_lib.sh
eval "relay_without_journal$(declare -f relay | sed 1s/^relay//)"
relay()
{
    relay_without_journal "$@"
    sed -i "s|journal = \"\"|journal = \"$T/$1/journal\"|" "$T/$1/postern.conf"
}
redis_start
cluster_make a b c

postern() { "$build/postern" -c "$T/$1/postern.conf" "${@:2}" 2>&1; }
all() { postern "$1" log --cluster --json "${@:2}" | sed -n '/^\[/,$p'; }
relays() { all "$@" | jq -r '.[] | .relay' | tr '\n' ' '; }
once() { ask once "$1" "$T/$2/policyd.sock"; }
wrote() { postern "$1" log --json --user "$2" | grep -q "$2"; }
known() { jq -r '.nodes | length' "$T/$1/cluster.json" 2>/dev/null; }
becomes 'the relays know each other' 'known a; known b; known c' '2*2*2'

# ---- all relays ----
login
for name in c a b; do
    once $who $name >>"$T/cli.log"
    relay_wait wrote $name $who
    sleep 1.1
done
becomes 'each relay asks all, and shows who decided, in the order of time' 'relays b --user $who' 'c a b '
is 'for people, too' "$(postern a log --cluster --user $who)" "*relay*verdict*c *pass*$who*a *pass*$who*b *pass*$who*"
is 'no more than was asked for, the newest' "$(relays c --lines 2 --user $who)" 'a b '
is 'with all that one relay tells' "$(all a --user $who --lines 1 | jq -r '.[0] | .time, .verdict, .stage, .sender, .recipient, .client' | tr '\n' ' ')" \
    "20*Z pass * $who guest@adatum.example 203.0.113.9 "
is 'what is selected there is selected everywhere' "$(all a --user $who --verdict reject | jq length)" 0
is 'and a name that no relay knows has nothing' "$(all a --user nobody@contoso.example | jq length)" 0

# ---- what cannot be asked ----
is 'not of one relay' "$(sed 's/^cluster = .*//' "$T/a/postern.conf" >"$T/alone.conf"; "$build/postern" -c "$T/alone.conf" log --cluster 2>&1; echo $?)" '*no group "cluster"*1'
is 'nor with all of the journal' "$(postern a log --cluster --export "$T/copy"; echo $?)" '*2'
is 'nor for more than a bounded number' "$(postern a log --cluster --lines 5000; echo $?)" '*at most 200*2'
request() { printf '%b' "$2" >"$T/a/spool/cluster/.aside"; chmod 600 "$T/a/spool/cluster/.aside"; mv "$T/a/spool/cluster/.aside" "$T/a/spool/cluster/$1.log"; }
request 1 '--user=x\n--export=/tmp/x\n'
becomes 'what is no question is refused' "cat $T/a/spool/cluster/1.refused 2>/dev/null" 'it is no question*'
is 'and asked nobody' "$(ls "$T/a/spool/cluster")" '1.refused'
rm -f "$T/a/spool/cluster/1.refused"

# ---- who does not answer ----
kill -STOP "$(cat "$T/cluster-c.pid")"
postern a log --cluster --user $who >"$T/out"
is 'a relay that does not answer is named, and what the others have is shown' "$? $(cat "$T/out")" "3 *relay c did not answer: its decisions are missing*a *pass*b *pass*"
kill -CONT "$(cat "$T/cluster-c.pid")"
becomes 'until it does' 'relays a --user $who' 'c a b '
mv "$T/b/postern.conf" "$T/b/away"
is 'one that cannot look is named, too' "$(postern a log --cluster --user $who)" '*relay b did not answer*'
mv "$T/b/away" "$T/b/postern.conf"

# ---- who owns Redis ----
redis SUBSCRIBE postern:log >"$T/heard" 2>&1 &
echo $! >"$T/subscriber.pid"
four_listen() { [ "$(redis PUBSUB NUMSUB postern:log | tail -n 1)" = 4 ]; }
relay_wait four_listen
is 'it is asked again' "$(relays a --user $who)" 'c a b '
heard() { [ "$(grep -c '^message' "$T/heard")" -ge 3 ]; }
relay_wait heard
is 'who listens at Redis reads no login' "$(strings "$T/heard" | grep -c 'contoso\|203.0.113')" 0
before=$(jq .own.false_records "$T/b/cluster.json")
redis PUBLISH postern:log "Q12345678--user=$who" >>"$T/cli.log"
becomes 'and what he asks is not answered' "jq .own.false_records $T/b/cluster.json" "$((before + 1))"
is 'nothing of it stays there' "$(redis KEYS '*log*')" ''

# ---- no Redis ----
stop redis
becomes 'without Redis that is said' "postern a log --cluster --user $who; echo \$?" '*shares nothing at the moment*1'

is 'nothing was wrong in their memory' "$(grep -l 'ERROR: \|runtime error' "$T"/*.log)" ''
exit $status
