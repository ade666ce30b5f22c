#!/bin/bash
# How blocks ended, among relays that share through a real Redis: each relay tells it, and where it was lifted is known who did. TAP lines.
# BUILD: the folder with programs.
set -u
cd "$(dirname "$0")/../.." || exit 1
. scripts/relay.sh
. tests/integration/cluster_lib.sh
# Each keeps a journal.
eval "$(declare -f relay | sed '1s/^relay/plain_relay/')"
relay() { plain_relay "$@"; sed -i "s|journal = \"\"|journal = \"$T/$1/journal\"|" "$T/$1/postern.conf"; }
redis_start
cluster_make a b

postern() { "$build/postern" -c "$T/$1/postern.conf" "${@:2}" 2>&1; }
ended() { "$build/postern" -c "$T/$1/postern.conf" blocks --ended --json 2>/dev/null | jq -r '.[] | "\(.subject) \(.how) by \(.by): \(.why)"' 2>&1; }
stands() { postern "$1" blocks --csv | grep -c "$who"; }
seen() { sqlite3 "file:$T/$1/journal/journal.sqlite?mode=ro" "SELECT count(*) FROM blocks WHERE ended IS NULL" 2>&1; }

login
postern a block user $who --for 1h --reason 'a leak' >>"$T/cli.log"
becomes 'a block of one relay stands at the other' 'stands b' 1
becomes 'both write it down' 'seen a; seen b' '1*1'
is 'and it has not ended' "$(ended a; ended b)" ''
postern a unblock user $who --reason 'it was the owner' >>"$T/cli.log"
becomes 'lifted at one it is gone at the other' 'stands b' 0
becomes 'where it was lifted it is known by whom' 'ended a' "user $who lifted by $(id -un): it was the owner"
becomes 'at the other, that another relay did' 'ended b' "user $who gone by another relay: null"
exit "$status"
