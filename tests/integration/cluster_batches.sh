#!/bin/bash
# Between relays and Redis, things are lost, doubled, delayed and shown again: everything is counted once. TAP lines. BUILD: the
# folder with programs.
set -u
cd "$(dirname "$0")/../.." || exit 1
. scripts/relay.sh
. tests/integration/cluster_lib.sh
roaming="block 1h"
# Of a day, so that a machine that is slow lets nothing drain meanwhile.
more_limits=', { name = "day"; per = "user"; count = "messages"; rate = "28/d"; burst = 28; }'
redis_start
proxies a b c
cluster_make a b c
postern() { "$build/postern" -c "$T/$1/postern.conf" "${@:2}" 2>&1; }
all_of() { for name in a b c; do used "$name" "$@"; done | tr '\n' ' '; }

for name in a b c; do between $name storm; done
login
first=$n
for i in 1 2 3 4; do login; done
for round in 1 2 3 4 5 6 7; do
    for i in $(seq "$first" "$n"); do
        for name in a b c; do ask once "user$i@contoso.example" "$T/$name/policyd.sock" 203.0.113.9; done
    done
    [ $round -ne 3 ] || postern a block user user50@contoso.example >>"$T/cli.log"
    [ $round -ne 4 ] || postern b block user user51@contoso.example >>"$T/cli.log"
    [ $round -ne 5 ] || postern c unblock user user50@contoso.example >>"$T/cli.log"
done >"$T/passed"
is 'in a storm messages pass' "$(sort -u "$T/passed")" DUNNO
for net in 1 2; do
    for name in a b c; do ask once user40@contoso.example "$T/$name/policyd.sock" "198.51.$((100 + net)).1"; done
done >"$T/travel"
is 'so does a traveller' "$(sort -u "$T/travel")" DUNNO
resent() { for name in a b c; do own "$name" resent; done | awk '{ n += $1 } END { print (n > 0) }'; }
becomes 'batches were sent again' resent 1
for name in a b c; do between $name pass; done
for name in a b c; do becomes "relay $name has told all" "own $name state; own $name waiting" 'shares*0'; done
# Who asks last knows all; what is not told at once is less than a sixteenth of the burst.
for i in $(seq "$first" "$n"); do for name in a b c; do ask once "user$i@contoso.example" "$T/$name/policyd.sock" >/dev/null; done; done
for i in $(seq "$first" "$n"); do
    becomes "after it, what a login sent is counted once, and all of it ($((i - first + 1)))" "used c user$i@contoso.example day" 24
    becomes 'which all know' "agree user$i@contoso.example a b c" agreed
done
# A relay that heard of the network before it was asked there charges nothing, and hears of less than a quarter of the burst only
# when it charges.
becomes 'and its network once' "all_of user$n@contoso.example roaming | tr ' ' '\\n' | sort -n | tail -n 1" 1
for name in a b c; do ask once user40@contoso.example "$T/$name/policyd.sock" 198.51.103.1 >/dev/null; done
becomes "a traveller's networks are counted once" "all_of user40@contoso.example roaming" '3 3 3 '
becomes 'no block is lost' "for name in a b c; do postern \$name blocks --csv | grep -c user51@; done" '1*1*1'
becomes 'and none stands that was lifted' "for name in a b c; do postern \$name blocks --csv | grep -c user50@; done" '0*0*0'
is 'nothing was taken for a false record' "$(for name in a b c; do own $name false_records; done | sort -u)" 0

is 'nothing was wrong in their memory' "$(grep -l 'ERROR: \|runtime error' "$T"/*.log)" ''
exit $status
