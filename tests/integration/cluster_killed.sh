#!/bin/bash
# Each part of relays that share killed with -9 at random while mail flows, some are blocked and some are let go: no relay lets more
# through than its limits, no block is lost, and afterwards all agree. TAP lines. BUILD: the folder with programs.
#
#   cluster_killed.sh [SECONDS]     25 unless given; "make cluster-killed" takes 600
set -u
cd "$(dirname "$0")/../.." || exit 1
. scripts/relay.sh
. tests/integration/cluster_lib.sh
seconds=${1:-25}
more_limits=', { name = "day"; per = "user"; count = "messages"; rate = "28/d"; burst = 28; }'
begun=$SECONDS
redis_start
cluster_make a b c
postern() { "$build/postern" -c "$T/$1/postern.conf" "${@:2}" 2>&1; }
begin()
{
    case $1 in
    redis) redis_start ;;
    policyd-*) run "$1" "$build/postern-policyd" -c "$T/${1#policyd-}/postern.conf" && relay_wait relay_listens_at "$T/${1#policyd-}/policyd.sock" ;;
    cluster-*) run "$1" "$build/postern-cluster" -c "$T/${1#cluster-}/postern.conf" ;;
    esac
}
parts=(redis policyd-a policyd-b policyd-c cluster-a cluster-b cluster-c)
relays=(a b c)

login
stolen=$who
login
traveller=$who
python3 tests/integration/cluster_ask.py through "$stolen" "$T/stop" "$T/a/policyd.sock" "$T/b/policyd.sock" "$T/c/policyd.sock" >"$T/passed" &
thief=$!
kills=0 asked=0 blocked=()
while [ $((SECONDS - begun)) -lt "$seconds" ]; do
    part=${parts[RANDOM % ${#parts[@]}]}
    stop "$part" -KILL 2>/dev/null
    kills=$((kills + 1))
    if [ ${#blocked[@]} -lt 40 ]; then
        login
        # A block is made once the command says so.
        postern "${relays[RANDOM % 3]}" block user "$who" >>"$T/cli.log" && blocked+=("$who")
    fi
    asked=$((asked + 1))
    ask once $traveller "$T/${relays[RANDOM % 3]}/policyd.sock" 203.0.113.9 >>"$T/said" 2>/dev/null
    sleep "0.$((RANDOM % 9 + 1))"
    begin "$part"
    sleep "0.$((RANDOM % 9 + 1))"
done
touch "$T/stop"
wait $thief
echo "# $kills kills, ${#blocked[@]} blocks, $(tr '\n' ' ' <"$T/passed")"

is 'parts were killed' "$((kills > seconds / 10))" 1
for name in a b c; do becomes "relay $name shares again" "own $name state" shares; done
for name in a b c; do
    read -r _ most < <(grep "^$name " "$T/passed")
    # 28 of the burst, and what came back meanwhile.
    at_most "relay $name let no more of a stolen login through than its own limit" "$most" $((29 + (SECONDS - begun) * 28 / 86400))
done
for name in a b c; do
    becomes "relay $name has every block" "postern $name blocks --csv >$T/list; for who in ${blocked[*]}; do grep -q \"^user \$who,\" $T/list || echo \$who; done" ''
done
for name in a b c c b a; do ask once $traveller "$T/$name/policyd.sock" 203.0.113.9 >>"$T/said"; sleep 0.3; done
becomes 'all agree about who went on sending' "agree $traveller a b c" agreed
becomes 'and about the stolen login' "for name in a b c; do ask once $stolen \$T/\$name/policyd.sock; done | cut -c1 | sort -u" 4
# Who was not answered may have been counted.
is "nobody is charged for more than was asked ($asked)" "$(($(used a $traveller day) <= asked + 6))" 1

is 'nothing was wrong in their memory' "$(grep -l 'ERROR: \|runtime error' "$T"/*.log)" ''
exit $status
