#!/bin/bash
# Who charges a message, when and for what, however Postfix asks: the service listed twice, under two wordings, at DATA and at
# the end, with another milter in front, and with recipients that Postfix refuses by itself.
set -u
cd "$(dirname "$0")/../.." || exit 1
. scripts/relay.sh
. tests/e2e/lib.sh

A=anna@contoso.example
C=cleo@contoso.example
TWO=x1@adatum.example,x2@adatum.example

# used LOGIN LIMIT: how much of it is.
used()
{
    "$BIN/postern" -c "$T/postern.conf" explain --user "$1" --client 127.0.0.1 --recipient x@adatum.example |
        sed -n "s/^ *limit $2[: ]* \([0-9]*\) used.*/\1/p"
}

# recipients N NAME: N of them, separated by commas.
recipients() { seq -f "$2%.0f@adatum.example" -s, "$1"; }

# told PATTERN: lines of the client's transcript.
told() { grep -c "$1" "$T/transcript"; }
ACCEPTED='Ok: queued'
REFUSED='^<[*~]\*' # followed by a blank and the reply

# Postfix as it was, but for these lines of main.cf.
ask_as()
{
    local line
    while read -r line; do [ -z "$line" ] || postconf -c "$T/postfix" -e "$line"; done <<<"$1"
    postfix -c "$T/postfix" stop >>"$T/postfix.log" 2>&1
    relay_settled "$T/postfix/main.cf"
    postfix -c "$T/postfix" start >>"$T/postfix.log" 2>&1
    relay_wait relay_listens "$SMTP"
    relay_wait relay_listens "$SMTP25"
}

# limits_from_now LIMITS: on one line. Those with names of their own begin with nothing used.
limits_from_now()
{
    sed -i "s|^limits = .*|limits = ( $1 );|" "$T/postern.conf"
    # shellcheck disable=SC2086 # words
    relay_reload $programs
}

# ---- the policy server alone ----
programs=policyd
make_relay '{ name = "none"; per = "user"; count = "messages"; rate = "1000/d"; burst = 1000; }' \
    'recipients = { max = 6; };
     connectors = ( { name = "printers"; networks = [ "127.20.0.0/16" ]; recipients = "internal"; tenant = "contoso"; } );
     tenants = ( { name = "contoso"; domains = [ "contoso.example" ]; } );'
relay_start policyd || exit 1
printer()
{
    swaks --server "127.0.0.1:$SMTP25" --local-interface 127.20.0.5 --from scan@contoso.example --to "$1" 2>&1 |
        grep -o 'queued as\|<\*\* [45][0-9]*' | tail -n 1
}

ask_as 'smtpd_recipient_restrictions = check_policy_service $postern_policy'
limits_from_now '{ name = "twice"; per = "user"; count = "recipients"; rate = "12/d"; burst = 12; }'
is 'listed twice, as many recipients pass as may' "$(submit $A --to "$(recipients 6 a)")" '250*'
is 'listed twice, each recipient is charged once' "$(used $A twice)" 6
is 'listed twice, the null sender has one recipient' "$(submit $A --from '<>')" '250*'
is 'listed twice, a printer reaches two colleagues' "$(printer $A,$C)" 'queued as'
is 'a recipient that the client names twice is no stranger' "$(printer $A,$A)" 'queued as'

submit $C --to "$(recipients 8 c)" >/dev/null
is 'recipients over the maximum are told to come in another message' "$(told "$REFUSED 452 4.5.3")" 2
is 'and the others are let through meanwhile' "$(told "$ACCEPTED")" 1
is 'and that is no refusal for good' "$(grep -c 'action=reject' "$T/policyd.log")" 0

# Postfix refuses those called "gone" by itself, and only after it asked.
printf 'gone%d@adatum.example REJECT\n' 1 2 3 4 >"$T/gone"
ask_as "smtpd_recipient_restrictions = check_recipient_access texthash:$T/gone"
limits_from_now '{ name = "gone"; per = "user"; count = "recipients"; rate = "5/d"; burst = 5; }, { name = "people"; per = "user"; count = "distinct recipient"; rate = "5/d"; burst = 5; }'
submit $A --to "gone1@adatum.example,$(recipients 3 g),gone2@adatum.example" >/dev/null
is 'of recipients that Postfix refuses, the others get the message' "$(told "$ACCEPTED") $(told "$REFUSED 554")" '1 2'
is 'and only those are charged' "$(used $A gone) $(used $A people)" '3 3'
submit $C --to "$(recipients 5 h),gone1@adatum.example" >/dev/null
is 'one more than a burst, of which Postfix refuses one, passes' "$(told "$ACCEPTED") $(told "$REFUSED [45]5[0-9]")" '1 1'
is 'and is charged for those that it has' "$(used $C gone)" 5

ask_as "smtpd_recipient_restrictions =
postern_end_of_data_restrictions = check_policy_service { unix:$T/run/policyd.sock, timeout=30s, { default_action = 451 4.3.5 busy } }"
limits_from_now '{ name = "strangers"; per = "user"; count = "distinct recipient"; rate = "5/d"; burst = 5; }'
is 'under two wordings, recipients are counted: the first two' "$(submit $A --to $TWO)" '250*'
is 'the same again cost nothing' "$(submit $A --to $TWO) $(used $A strangers)" '250* 2'
is 'three more fill the limit' "$(submit $A --to "$(recipients 3 s)")" '250*'
is 'and another one is too many' "$(submit $A --to y@adatum.example)" '451*'
is 'under two wordings, a printer reaches two colleagues' "$(printer $A,$C)" 'queued as'

ask_as 'smtpd_data_restrictions = check_policy_service $postern_policy'
limits_from_now '{ name = "volume"; per = "user"; count = "bytes"; rate = "1M/d"; burst = "1M"; }, { name = "count"; per = "user"; count = "messages"; rate = "1000/d"; burst = 1000; }'
for _ in 1 2 3 4 5; do submit $A --body "$(head -c 40000 /dev/zero | tr '\0' x | fold -w 76)" >/dev/null; done
is 'asked at DATA and at the end, messages count once' "$(used $A count)" 5
is 'and bytes as many as there were' "$([ "$(used $A volume)" -ge 195 ] && [ "$(used $A volume)" -le 220 ] && echo all)" all

limits_from_now '{ name = "burst"; per = "user"; count = "recipients"; rate = "4/d"; burst = 4; }'
before=$(relay_arrived)
submit $A --to "$(recipients 6 w)" >/dev/null
is 'a message to more people than may ever be is refused once, as a whole' "$(told "$REFUSED") $(told "$REFUSED 550.*5.5.3")" '1 1'
is 'nobody got it, and it cost nothing' "$(($(relay_arrived) - before)) $(used $A burst)" '0 0'
is 'nothing came out of the sanitizers' "$(cat "$T"/*.log | grep -c 'ERROR: \|runtime error')" 0
relay_stop

# ---- both, and another milter in front ----
programs='policyd milter'
make_relay '{ name = "count"; per = "user"; count = "messages"; rate = "1000/d"; burst = 1000; }'
relay_start both || exit 1
for _ in 1 2 3; do
    is 'a From of somebody else is refused by the milter' "$(submit $A --header 'From: boss@contoso.example')" '550*'
done
is 'and what the policy server charged for it is given back' "$(used $A count)" 0
submit $A >/dev/null
is 'a message that passes both is charged once' "$(used $A count)" 1
id=$(sed -n 's/.*queued as //p' "$T/transcript")
becomes 'and logged once' "cat '$T/policyd.log' '$T/milter.log' | grep -c 'action=pass.*queue_id=$id '" 1

relay_run odd tests/e2e/quarantine.py "unix:$T/run/odd.sock"
relay_wait relay_listens_at "$T/run/odd.sock"
chgrp postfix "$T/run/odd.sock" && chmod 660 "$T/run/odd.sock"
ask_as "postern_milter = { unix:$T/run/odd.sock, default_action=tempfail } { unix:$T/run/milter.sock, default_action=tempfail }"
is 'with another milter in front, what it lets be is judged' "$(submit $C --header 'From: boss@contoso.example')" '550*'
is 'and given back' "$(used $C count)" 0
is 'what it quarantines is accepted' "$(submit $C --header 'From: boss@contoso.example' --add-header 'X-Odd: 1')" '250*'
is 'and waits in the hold queue' "$(find "$T/queue/hold" -type f | wc -l)" 1
is 'and was charged' "$(used $C count)" 1
is 'nothing came out of the sanitizers' "$(cat "$T"/*.log | grep -c 'ERROR: \|runtime error')" 0
exit $status
