#!/bin/bash
# hold, release and discard against a real Postfix queue: messages of two logins that cannot be delivered. TAP lines. Needs root.
set -u
cd "$(dirname "$0")/../.." || exit 1
. scripts/relay.sh
. tests/e2e/lib.sh
T=
Q=$(mktemp -d /tmp/postern-queue.XXXXXX)
trap 'relay_stop; rm -rf "$Q"' EXIT

queue() { "$BIN/postern" -c "$T/postern.conf" "$@" --config-dir "$T/postfix" 2>"$Q/stderr"; }
# in_queue NAME: senders of the messages there, sorted.
in_queue()
{
    postqueue -c "$T/postfix" -j | python3 -c '
import json, sys
print(*sorted(m["sender"].split("@")[0] for m in map(json.loads, sys.stdin) if m["queue_name"] == sys.argv[1]))' "$1"
}
all_deferred() { [ "$(in_queue deferred | wc -w)" -eq 3 ]; }

make_relay '{ name = "m"; per = "user"; count = "messages"; rate = "100/m"; then = "defer"; }' "
default_tenant = \"contoso\"; tenants = ( { name = \"contoso\"; domains = [\"contoso.example\"]; netbios = [\"CORP\"]; } );
smtp_auth = { allow_file = \"$Q/allow\"; unlisted = \"allow\"; };"
echo bert@contoso.example >"$Q/allow"
chmod 600 "$Q/allow"
printf '%s:{PLAIN}secret\n' guest guest@contoso.example >>"$T/users"
relay_start both || exit 1
# The next hop is away: what is taken is deferred.
kill "$(cat "$T/sink.pid")"
wait "$(cat "$T/sink.pid")" 2>/dev/null
for login in anna anna bert; do submit "$login@contoso.example" >/dev/null; done
relay_wait all_deferred

becomes 'a dry run shows what it would hold' "queue hold --dry-run --json anna@contoso.example | grep -c '\"queue_id\"'" 2
is 'and does nothing' "$(in_queue hold)" ''
queue hold ANNA@contoso.example >"$Q/out"
is 'hold puts what the login has on hold, and nobody else'"'"'s' "$? $(tail -n 1 "$Q/out") $(in_queue hold), $(in_queue deferred)" \
    '0 2 messages put on hold. anna anna, bert'
is 'a second time there is nothing left to hold' "$(queue hold anna@contoso.example)" 'No queued message of this user was found*'
queue release anna@contoso.example >"$Q/out"
is 'release lets it go' "$? $(tail -n 1 "$Q/out") $(in_queue hold)" '0 2 messages released. '
relay_wait all_deferred
queue discard anna@contoso.example </dev/null >"$Q/out"
is 'discard shows, and does nothing without a word' "$? $(grep -c anna@contoso.example "$Q/out") $(in_queue deferred) $(cat "$Q/stderr")" '1 2 anna anna bert *--yes*'
queue discard --yes anna@contoso.example >"$Q/out"
is 'discard --yes deletes' "$? $(tail -n 1 "$Q/out") $(in_queue deferred)" '0 2 messages deleted. bert'
is 'a login that sent nothing has nothing there' "$(queue hold carl@contoso.example)" 'No queued message of this user was found*'
queue hold 'not an address @' >/dev/null
is 'what is no login is an error' "$? $(cat "$Q/stderr")" '1 *neither an address*'
queue hold >/dev/null
is 'without a login that is said' "$?" 2
# An arrival is known to the second, so the edge may lie a second later than the wait for it.
older_than_a_second() { [ "$(queue hold --dry-run --json --since 1s bert@contoso.example | grep -c '"queue_id"')" = 0 ]; }
relay_wait older_than_a_second
is 'what was seen before --since is left alone' "$(queue hold --since 1s bert@contoso.example; in_queue hold)" 'No queued message of this user was found*'
