#!/bin/bash
# The lists that all relays share, through a real Redis: allow, deny and forget at one relay hold at all of them, at one that was away
# or comes later too, after Redis has forgotten everything, and not by who owns Redis. TAP lines. BUILD: the folder with programs.
set -u
cd "$(dirname "$0")/../.." || exit 1
. scripts/relay.sh
. tests/integration/cluster_lib.sh
redis_start
cluster_make a b c
touch "$T/b/allow" "$T/b/deny"
echo "smtp_auth = { allow_file = \"$T/b/allow\"; deny_file = \"$T/b/deny\"; };" >>"$T/b/postern.conf"
kill -USR1 "$(cat "$T/policyd-b.pid")"

postern() { "$build/postern" -c "$T/$1/postern.conf" "${@:2}" 2>&1; }
once() { ask once "$1" "$T/$2/policyd.sock"; }
held() { sed -n "/^$3 /p" "$T/$1/cluster/$2" 2>/dev/null | wc -l; }
everywhere() { local name; for name in a b c; do once "$1" $name; done | sort -u | tr '\n' ' '; }
stranger=stranger@contoso.example

# ---- there and back ----
login
is 'a login that may send' "$(everywhere $who)" 'DUNNO '
is 'a command at one relay' "$(postern a deny --cluster --reason 'stolen; ask "Bo"' $who)" "all relays of the cluster: denied $who"
becomes 'denies it at all relays' "everywhere $who" '5*'
for name in a b c; do
    is "who, when, where and why stand in the list at $name" "$(grep "^$who " "$T/$name/cluster/deny")" \
        "$who # denied 20[0-9][0-9]-*Z by * at a: stolen; ask \"Bo\""
done
is 'a reader that explains says where from' "$(postern c explain --user $who | grep 'SMTP AUTH')" "*$T/c/cluster/deny:2, which all relays of the cluster share"
is 'one relay alone cannot allow it, and is told so' "$(postern b allow $who)" "*the cluster's lists deny it, which holds*added $who*"
is 'nor is it forgotten on one alone' "$(postern b forget $who)" "*the cluster's lists deny it, which holds*removed $who*"
is 'a stranger may not send' "$(once $stranger c)" '5*'
is 'nobody of that name exists' "$(postern c allow --cluster $stranger)" '*no mailbox has the name*'
postern c allow --cluster --force $stranger >>"$T/cli.log"
becomes 'until one relay allows it for all' "everywhere $stranger" 'DUNNO '
postern b allow --cluster $who >>"$T/cli.log"
becomes 'the last that was entered holds' "everywhere $who" 'DUNNO '
is 'in one list only' "$(held a allow $who) $(held a deny $who) $(held c allow $who) $(held c deny $who)" '1 0 1 0'
postern b deny --cluster $stranger >>"$T/cli.log"
becomes 'a denied entry' "everywhere $stranger" '5*'
postern c forget --cluster $stranger >>"$T/cli.log"
becomes 'is forgotten on all relays' "held a deny $stranger; held b deny $stranger; held c deny $stranger" '0*0*0'
postern b deny $who >>"$T/cli.log"
is 'what one relay denies for itself is denied there, and said' "$(postern b allow --cluster $who)" "*$T/b/deny denies it, on this relay alone*"
becomes 'as it is' "once $who b" '5*'
is 'and only there' "$(once $who a)" DUNNO
postern b forget $who >>"$T/cli.log"
is 'what is in none cannot be forgotten' "$(postern a forget --cluster $stranger)" '*in neither of the two lists of the cluster'
becomes 'how many there are is shown' "postern b status --cluster | grep -c 'lists: 1 allowed, 0 denied'" 3

# ---- what is refused ----
mkdir -p "$T/alone"
sed 's/^cluster = .*//' "$T/a/postern.conf" >"$T/alone/postern.conf"
is 'without a cluster that is said' "$(postern alone deny --cluster $who; echo $?)" '*has no group "cluster"*1'
request() { printf '%b' "$2" >"$T/a/spool/cluster/.aside"; chmod "${3:-600}" "$T/a/spool/cluster/.aside"; mv "$T/a/spool/cluster/.aside" "$T/a/spool/cluster/$1.list"; }
request 1 'A\t0\tx@contoso.example\tgood\ny@contoso.example # bad'
becomes 'a request of two lines is refused' "cat $T/a/spool/cluster/1.refused 2>/dev/null" 'a comment is one line*'
request 2 'A\t0\t*@contoso.example\tgood'
becomes 'one with a pattern, too' "cat $T/a/spool/cluster/2.refused 2>/dev/null" '*is not a pattern here*'
request 3 'A\t0\tz@contoso.example\tgood' 666
becomes 'and one that others may have written' "cat $T/a/spool/cluster/3.refused 2>/dev/null" 'user * wrote it (mode 666)*'
is 'nothing of them is in the list' "$(held a allow '[xyz*]@contoso.example')" 0
rm -f "$T"/a/spool/cluster/*.refused
mv "$T/a/cluster" "$T/a/cluster.away"
touch "$T/a/cluster"
is 'what cannot be written here is said, and told the others' "$(postern a deny --cluster user60@contoso.example; echo $?)" '*it is not in force here*Not a directory*1'
rm "$T/a/cluster"
mv "$T/a/cluster.away" "$T/a/cluster"
becomes 'it is there as soon as it can be' "held a deny user60@contoso.example; held b deny user60@contoso.example" '1*1'

# ---- a relay that was away ----
login
one=$who
login
two=$who
postern a deny --cluster $two >>"$T/cli.log"
becomes 'an entry that will be forgotten' "held c deny $two" 1
stop cluster-c
postern a deny --cluster $one >>"$T/cli.log"
postern b forget --cluster $two >>"$T/cli.log"
becomes 'all others have it' "held b deny $one" 1
redis DEL 'postern:{m}:events' >>"$T/cli.log"
is 'without postern-cluster nothing is done' "$(postern c deny --cluster $two; echo $?; ls "$T/c/spool/cluster")" '*nothing was done*1'
run cluster-c "$build/postern-cluster" -c "$T/c/postern.conf"
becomes 'a relay that was away has what was entered, also without the events' "held c deny $one" 1
becomes 'and lost what was forgotten' "held c deny $two" 0

# ---- both halves of a cluster, apart ----
login
kill -STOP "$(cat "$T/redis.pid")"
{
    postern a allow --cluster $who
    postern b deny --cluster $who
    postern c deny --cluster $two
    postern a deny --cluster $one
} >>"$T/cli.log"
becomes 'each relay has what was entered at it while Redis hangs' "held a allow $who; held b deny $who; held c deny $two" '1*1*1'
kill -CONT "$(cat "$T/redis.pid")"
becomes 'and all end with the last' "held a allow $who; held b deny $who; held a deny $who; held c deny $who; held c allow $who" '0*1*1*1*0'
becomes 'of each entry' "held a deny $two; held b deny $two" '1*1'

# ---- a new relay ----
redis DEL 'postern:{m}:events' >>"$T/cli.log"
relay d
"$build/postern-cluster" join -c "$T/d/postern.conf" >>"$T/cli.log" 2>&1
start d
becomes 'a new relay has the lists, also without the events' "held d deny $one; held d deny $two; held d deny $who" '1*1*1'
same() { cat "$T/$1/cluster/allow" "$T/$1/cluster/deny" | sha256sum; }
is 'the very same' "$(same a)" "$(same d)"

# ---- who owns Redis ----
is 'Redis knows none of them' "$(redis --raw HGETALL 'postern:{m}:lists' | strings | grep -c 'contoso\|denied')" 0
postern a forget --cluster $one >>"$T/cli.log"
postern a deny --cluster $two >>"$T/cli.log"
login
postern a allow --cluster $who >>"$T/cli.log"
becomes 'an allowed entry' "held b allow $who; held d allow $who" '1*1'
redis --raw DUMP 'postern:{m}:lists' | head -c -1 >"$T/allowed"
postern b deny --cluster $who >>"$T/cli.log"
becomes 'that is denied' "held a deny $who; held d deny $who" '1*1'
stop cluster-d
redis -x --raw EVAL "return redis.call('RESTORE', KEYS[1], 0, ARGV[1], 'REPLACE')" 1 'postern:{m}:lists' <"$T/allowed" >>"$T/cli.log" 2>&1
is 'what was kept before is put back' "$(tail -n 1 "$T/cli.log")" OK
run cluster-d "$build/postern-cluster" -c "$T/d/postern.conf"
is 'in vain' "$(sleep 3; held d allow $who; held d deny $who)" '0*1'
postern b allow --cluster "user50@contoso.example" >>"$T/cli.log"
becomes 'while what is new arrives' "held d allow user50@contoso.example" 1

# ---- Redis forgets ----
redis FLUSHALL >>"$T/cli.log"
becomes 'a Redis that was emptied is told all entries again' "redis HLEN 'postern:{m}:lists'" "$(sed 1d "$T/b/cluster/lists" | wc -l)"
login
postern a deny --cluster $who >>"$T/cli.log"
becomes 'and passes new ones on' "held b deny $who; held c deny $who; held d deny $who" '1*1*1'
becomes 'after which all relays have the same' "for i in a b c d; do same \$i; done | sort -u | wc -l" 1

is 'nothing was wrong in their memory' "$(grep -l 'ERROR: \|runtime error' "$T"/*.log)" ''
exit $status
