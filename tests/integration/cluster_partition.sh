#!/bin/bash
# Relays between which, or between which and Redis, the network is cut: each part counts and blocks for itself, for no more than the
# manual says, and afterwards all agree. TAP lines. BUILD: the folder with programs.
set -u
cd "$(dirname "$0")/../.." || exit 1
. scripts/relay.sh
. tests/integration/cluster_lib.sh
more_limits=', { name = "day"; per = "user"; count = "messages"; rate = "28/d"; burst = 56; }'
redis_start
proxies a b c
cluster_make a b c

postern() { "$build/postern" -c "$T/$1/postern.conf" "${@:2}" 2>&1; }
blocks() { postern "$1" blocks --csv | grep -c "$2"; }
everywhere() { for name in a b c; do blocks $name "$1"; done | tr '\n' ' '; }
alone() { jq -r .own.state "$T/$1/cluster.json"; }

# ---- before ----
login
lifted=$who
postern a block user $lifted >>"$T/cli.log"
becomes 'a block is everywhere before' "everywhere $lifted" '1 1 1 '

# ---- one relay is cut off ----
between c cut
becomes 'a relay that is cut off knows it' 'alone c' 'offline'
is 'and the others go on' "$(alone a) $(alone b)" 'shares shares'
login
stolen=$who
got=$(ask steal $stolen 2 "$T/a/policyd.sock" "$T/b/policyd.sock" "$T/c/policyd.sock")
at_most "a stolen login gets no more than each relay's limit while the network is cut: $got" "${got%% *}" 85
at_most 'of the one that is alone, its own' "${got##* }" 29
login
honest=$who
for i in $(seq 20); do
    ask once $honest "$T/a/policyd.sock"
    ask once $honest "$T/c/policyd.sock"
done >"$T/passed"
is 'an honest login has the limit of each part' "$(sort -u "$T/passed")" DUNNO
login
quiet=$who
login
here=$who
login
there=$who
{
    postern a block user $here --for 3h
    postern c block user $there --for 3h
    postern c unblock user $lifted
} >>"$T/cli.log"
is 'each part has its own blocks' "$(everywhere $here)$(everywhere $there)$(everywhere $lifted)" '1 1 0 0 0 1 1 1 0 '
login
both=$who
postern a block user $both --for 2h >>"$T/cli.log"
postern c block user $both --for 5h >>"$T/cli.log"

# ---- and back ----
between c pass
becomes 'when it is back, blocks of both parts are everywhere' "everywhere $here; everywhere $there" '1 1 1*1 1 1*'
becomes 'what one part lifted is lifted' "everywhere $lifted" '0 0 0 '
end_of() { postern "$1" blocks --csv | sed -n "s/^user $2,[^,]*,\([^,]*\)\(:..Z\),.*/\1/p"; }
becomes 'of two blocks of one login the later end holds' "[ \"\$(end_of a $both)\" = \"\$(end_of c $both)\" ] && echo same" same
becomes 'all agree about the stolen login' "agree $stolen a b c" agreed
becomes 'and about the honest one' "agree $honest a b c" agreed
is 'which has what it sent through both' "$(used c $honest)" '[34]*'
retry() { postern "$1" explain --user "$2" --client 203.0.113.9 --json | jq '.retry_s // 0'; }
at_most 'it waits at most the time of one burst more' "$(retry a $honest)" $((28 * 300 + 301))
at_most 'so does nobody longer who was attacked' "$(retry b $stolen)" $((28 * 300 + 301))
is 'who sent nothing does not wait' "$(for name in a b c; do ask once $quiet "$T/$name/policyd.sock"; done | sort -u)" DUNNO

# ---- Redis hears, and is not heard ----
login
between b mute
ask once $who "$T/b/policyd.sock" >/dev/null
becomes 'a relay that gets no replies gives up the connection' "grep -c 'no reply in time' $T/cluster-b.log" '[1-9]*'
for i in 1 2 3 4; do ask once $who "$T/b/policyd.sock" >/dev/null; done
between b pass
becomes 'what it told meanwhile has arrived' 'own b state; own b waiting' 'shares*0'
ask once $who "$T/a/policyd.sock" >/dev/null
becomes 'once, and all of it' "used a $who day" 6

is 'nothing was wrong in their memory' "$(grep -l 'ERROR: \|runtime error' "$T"/*.log)" ''
exit $status
