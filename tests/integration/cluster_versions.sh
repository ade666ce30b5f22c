#!/bin/bash
# A relay of the next version among others, as while they are upgraded one by one: what an older one does not know it leaves out, and
# counts; all else it takes. TAP lines. BUILD: the folder with programs.
set -u
cd "$(dirname "$0")/../.." || exit 1
. scripts/relay.sh
. tests/integration/cluster_lib.sh
if ! python3 -c 'import cryptography' 2>/dev/null; then
    echo 'ok cluster_versions # SKIP no python3-cryptography'
    exit 0
fi
redis_start
cluster_make a b
postern() { "$build/postern" -c "$T/$1/postern.conf" "${@:2}" 2>&1; }
newer() { python3 tests/integration/cluster_newer.py "$T/cluster.key" "$@"; }
events() { redis --scan --pattern 'postern:*:events'; }
# tell KEY-OF-REDIS COMMAND...: each of the newer relay's records, from stdin, by that command.
bytes() { sed 's/../\\x&/g'; }
tell()
{
    local record
    while read -r _ record; do printf %b "$(echo "$record" | bytes)" | redis -x "$@" >>"$T/cli.log"; done
}

login
postern a block user $who >>"$T/cli.log"
becomes 'a block is told' "postern b blocks --csv | grep -c $who" 1

# ---- what an older relay does not know ----
before=$(own b newer)
{ newer event:Z:something version:anything event:B: | tell XADD "$(events)" '*' r; }
newer table | tell PUBLISH postern:hot
becomes 'events of a later kind and of a later seal are counted' 'own b newer' $((before + 2))
is 'what is no event is counted as that' "$(own b false_records)" 1
newer beat:2:next >"$T/beat"
read -r incarnation _ <"$T/beat"
tell HSET 'postern:{m}:nodes' "$(printf %b "$(echo "$incarnation" | bytes)" | tr -d '\0')" <"$T/beat"
becomes 'so is a heartbeat of a later version' "own b newer | awk '{ print (\$1 > $before + 2) }'" 1

# ---- what it knows in part ----
newer beat:1:next >"$T/beat"
tell HSET 'postern:{m}:nodes' later <"$T/beat"
becomes 'a heartbeat that says more is read' "jq -r '.nodes[].name' $T/b/cluster.json | sort | tr '\n' ' '" 'a next '
is 'and differs in nothing for that' "$(jq -r '.nodes[] | select(.name == "next").differs' "$T/b/cluster.json")" ''
is 'no relay took what it does not know for a block or a lift' "$(postern a blocks --csv | grep -c contoso) $(postern b blocks --csv | grep -c contoso)" '1 1'

# ---- and go on together ----
ask steal $who 0.2 "$T/a/policyd.sock" >/dev/null
login
becomes 'old and new count together' "ask steal $who 1 $T/a/policyd.sock >/dev/null; ask once $who $T/b/policyd.sock" '4*'
is 'both share' "$(own a state) $(own b state)" 'shares shares'

is 'nothing was wrong in their memory' "$(grep -l 'ERROR: \|runtime error' "$T"/*.log)" ''
exit $status
