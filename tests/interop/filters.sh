#!/bin/bash
# postern beside other mail filters: after the queue, before the queue, and other milters. What doc/postfix.md recommends is
# judged and counted, once. TAP lines. Needs root, Postfix and python3-milter.
set -u
cd "$(dirname "$0")/../.." || exit 1
. scripts/relay.sh
. tests/e2e/lib.sh
T=
limit='{ name = "few"; per = "user"; count = "messages"; rate = "3/d"; burst = 3; then = "defer"; }'

# The way back from a filter, as the example has it, at port $BACK.
way_back() { sed -n '/^#127.0.0.1:10025/,/^#  -o smtpd_authorized/s/^#//p' conf/postfix/master.cf | sed "s/10025/$BACK/"; }

start_filter()
{
    relay_run filter python3 tests/interop/filter.py "$FILTER" "$BACK"
    relay_wait relay_listens "$FILTER"
}

# start_with_other VARIANT MODE: the relay, with another milter behind postern.
start_with_other()
{
    RELAY_MAIN_CF="postern_milter = $(sed -n '/^postern_milter/,/}/{s|/run/postern|'"$T"'/run|;s/^ *{/{/p}' conf/postfix/main.cf), unix:$T/run/other.sock" \
        relay_start "$1" || exit 1
    relay_run other /usr/bin/python3 tests/interop/other_milter.py "$T/run/other.sock" "$2"
    relay_wait relay_listens_at "$T/run/other.sock"
    chmod 660 "$T/run/other.sock"
    chgrp postfix "$T/run/other.sock"
}

arrived() { [ "$(relay_arrived)" -ge "$1" ]; }
decided() { cat "$T"/{policyd,milter}.log 2>/dev/null | grep -c "event=decision action=$1"; }
decided_all() { [ "$(decided pass)" -ge "$1" ]; }
check_postfix() { "$BIN/postern" -c "$T/postern.conf" check-postfix --config-dir "$T/postfix" "$@" 2>/dev/null; }
from() { submit anna@contoso.example --header "From: $1"; }

# ---- after the queue ----
make_relay "$limit" 'unauthenticated = "reject";'
FILTER=$(relay_free_port) BACK=$(relay_free_port)
RELAY_MASTER_CF=$(way_back)$'\n' RELAY_MAIN_CF="content_filter = smtp:[127.0.0.1]:$FILTER" relay_start both || exit 1
start_filter
is 'a message with a filter after the queue' "$(submit anna@contoso.example)" '250*'
is 'it comes back and is delivered, though whoever is unknown is refused' "$(relay_wait arrived 1 && relay_arrived)" 1
is 'it was judged once' "$(relay_wait decided_all 1; decided pass) $(decided reject)" '1 0'
is 'a From of somebody else' "$(from cleo@contoso.example)" '550 5.7.60*'
is 'check-postfix has nothing against it' "$(check_postfix | grep -c '^critical\|^high')" 0
relay_stop

# ---- before the queue ----
for variant in policyd both; do
    make_relay "$limit"
    FILTER=$(relay_free_port) BACK=$(relay_free_port)
    RELAY_MASTER_CF=$(way_back | sed 's/content_filter/smtpd_proxy_filter/')$'\n' RELAY_MAIN_CF="smtpd_proxy_filter = 127.0.0.1:$FILTER" \
        relay_start "$variant" || exit 1
    start_filter
    for _ in 1 2 3; do from anna@contoso.example; done >"$T/replies"
    is "$variant, a filter before the queue: as many messages as the limit allows" "$(grep -c ^250 "$T/replies")" 3
    is "$variant: and no more" "$(from anna@contoso.example)" '451 4.7.1*'
    is "$variant: each was counted once" "$(relay_wait decided_all 3; decided pass)" 3
    [ "$variant" = both ] || { relay_stop; continue; }
    is 'check-postfix says that the milter is blind there' "$(check_postfix | grep -c "^high *before-queue-filter")" 2
    command=$(check_postfix --json | python3 -c '
import json, sys
print(next(f["advice"] for f in json.load(sys.stdin)["findings"] if f["id"] == "before-queue-filter"))')
    bash -c "$command" >>"$T/postfix.log" 2>&1
    relay_settled "$T/postfix/main.cf"
    is 'its command moves the filter after the queue, and From is judged' \
        "$(submit cleo@contoso.example --header 'From: anna@contoso.example')" '550 5.7.60*'
    relay_stop
done

# ---- other milters, behind postern as documented ----
for variant in milter both; do
    make_relay "$limit"
    start_with_other "$variant" quarantine
    for _ in 1 2 3; do from anna@contoso.example; done >"$T/replies"
    is "$variant, a milter that holds all mail: as many messages as the limit allows" "$(grep -c ^250 "$T/replies")" 3
    is "$variant: they are on hold" "$(postqueue -c "$T/postfix" -p | grep -c '^[0-9A-Za-z]*!')" 3
    is "$variant: and no more" "$(from anna@contoso.example)" '451 4.7.1*'
    is "$variant: a From of somebody else is refused, not held" \
        "$(submit cleo@contoso.example --header 'From: anna@contoso.example')" '550 5.7.60*'
    relay_stop
done

make_relay "$limit"
start_with_other both change
is 'a milter that changes sender and recipients' "$(submit anna@contoso.example)" '250*'
relay_wait arrived 1
is 'what it changed is what arrives' "$(cat "$T"/sink/* | grep -c '^X-Mail-Args: <cleo@contoso.example>\|^X-Rcpt-Args: <added@adatum.example>')" 2
is 'postern judged and counted what the client sent' \
    "$(cat "$T"/{policyd,milter}.log | grep -o 'action=pass .* sender=[^ ]*.* recipients=[0-9]*' | grep -o 'sender=.*')" \
    'sender=anna@contoso.example*recipients=1'
exit $status
