#!/bin/bash
# Limits relative to a habit, through a real Postfix: what a login may send while it is being learnt, which message passes when it
# comes again, and where people read of it. (Years and weeks are in the unit tests and in bench/blunting.)
set -u
cd "$(dirname "$0")/../.." || exit 1
. scripts/relay.sh
. tests/e2e/lib.sh

A=anna@contoso.example
C=cleo@contoso.example
make_relay '{ name = "hour"; per = "user"; count = "messages"; rate = "2/h"; beyond = "habit"; learning = 1; learning_known = 2; },
            { name = "day"; per = "user"; count = "messages"; rate = "100/d"; beyond = "habit"; learning_known = 5; },
            { name = "again"; per = "user"; count = "deferred messages"; rate = "10/h"; burst = 3; beyond = "habit";
              then = "block 24h, defer"; }' \
    "alerts = ( { command = \"/bin/true\"; } ); spool = \"\$T/lib/spool\";"
sed -i "s|\$T/|$T/|" "$T/postern.conf"
relay_start both || exit 1
postconf -c "$T/postfix" -e 'smtpd_authorized_xclient_hosts = 127.0.0.1'
relay_settled "$T/postfix/main.cf"
postfix -c "$T/postfix" reload >>"$T/postfix.log" 2>&1
p() { "$BIN/postern" -c "$T/postern.conf" "$@"; }
# to LOGIN NAME: a message to that recipient.
to() { submit "$1" --to "$2@adatum.example"; }

is 'a new login may send' "$(to $A one)" '250*'
is 'as much as the figure for known networks says' "$(to $A two)" '250*'
is 'and then a message is deferred' "$(to $A three)" '451 4.7.1*'
is 'another one too' "$(to $A four)" '451 4.7.1*'
is 'the same message passes when it comes again' "$(to $A three)" '250*'
submit $A --to three@adatum.example,five@adatum.example >/dev/null
is 'of two recipients the one that it was deferred for before passes' \
    "$(grep -c 'Ok: queued' "$T/transcript") $(grep -c '^<[*~]\* 451' "$T/transcript")" '1 1'
is 'and both when it comes again' "$(submit $A --to four@adatum.example,five@adatum.example)" '250*'
is 'the log says what is usual, what came, and for how long it is being learnt' \
    "$(grep -c 'limit=hour.* usual=[0-9]* now=2 learning_until=20[0-9TZ:-]*$' "$T/policyd.log")" '[1-9]*'
is 'and once for each login' "$(grep -c "event=learning login=$A tenant=contoso until=20[0-9TZ:-]* tenant_until=20" "$T"/policyd.log)" 1
is 'explain says it, too' "$(p explain --user $A --client 127.0.0.1 | tr -s ' \n' ' ')" \
    '*limit hour 5 messages in the last hour; its habit is being learnt for another *; at most 2 may pass: over limit hour the same message passes when it comes again within a day*habit learning until 20*'
is 'status says for whom' "$(p status | tr -s ' ')" '*Habits: 1 known, 1 of them being learnt; room for 2048,*contoso *learning until 20*'
is 'and the metrics' "$(p metrics | grep -c '^postern_habits_learning 1$\|^postern_tenant_learning_until_timestamp_seconds{tenant="contoso"} [1-9]')" 2

is 'the day lets nothing pass' "$(to $A five)$(to $A five)$(to $A five)" '*451 4.7.1*'
is 'unblock says what would let it go on' "$(p unblock $A 2>&1; echo $?)" "*$A is not blocked*1"
is 'an operator takes what was sent for usual' "$(p unblock --accept $A)" "accepted: user $A; being learnt: so far at most 5 messages in an hour, 5 in a day"
is 'and what is waiting passes at once' "$(to $A five)" '250*'
is 'a client has no habit' "$(p unblock --accept 203.0.113.9 2>&1; echo $?)" '*has no habit*1'

is 'from an unknown network a new login gets less' "$(submit $C --xclient-addr 203.0.113.9 --to c1@adatum.example)" '250*'
is 'and is deferred' "$(submit $C --xclient-addr 203.0.113.9 --to c2@adatum.example)" '451 4.7.1*'
is 'also when the message comes again' "$(submit $C --xclient-addr 203.0.113.9 --to c2@adatum.example)" '451 4.7.1*'
# shellcheck disable=SC2016 # evaluated later
becomes 'and somebody is told' 'grep -l "\"unusual\"" "$T"/lib/spool/alerts/*.json 2>/dev/null | wc -l' 1
p block $C --for 1h >/dev/null
is 'of who is blocked people read what is usual' "$(p blocks | tr -s ' \n' ' ')" \
    '*being learnt: so far at most 1 messages in an hour, 1 in a day; 1 and 1 now*'
is 'and programs' "$(p blocks --json)" '*"messages_hour": 1, "messages_day": 1, "now_hour": 1, "today": 1, "learnt": false,*'
p unblock $C >/dev/null
cat >"$T/export.json" <<END
[{"kind": "user", "login": "$C", "learnt": true, "messages_hour": 1, "messages_day": 1, "recipients_hour": 1, "recipients_day": 1}]
END
is 'a login that is learnt' "$(p learn --yes "$T/export.json" 2>&1 | tr -s ' \n' ' ')" '*Learnt: 1 login*'
for n in 1 2 3 4 5 6 7; do last=$(to $C "more$n"); done
is 'is deferred beyond its habit' "$last" '451 4.7.1*'
to $C more8 >/dev/null
is 'and held back when it goes on' "$(to $C more9) $(p blocks | tr -s ' \n' ' ')" "451 4.7.1*held back*user $C*by again*usually at most*"
is 'a lifted block' "$(p unblock $C)" "unblocked: user $C (was blocked by again)"
is 'lets it send as usual at once' "$(to $C again1)" '250*'
restart policyd
restart milter
is 'what was counted outlives kill -9' "$(to $A six)$(to $A seven)" '250*451*'
exit $status
