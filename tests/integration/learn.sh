#!/bin/bash
# "postern learn" with the log of a real Postfix: what was sent becomes the habit of who sent it, and nothing that somebody wrote
# into a line does. Days and weeks are made of one real evening, moved back.
set -u
cd "$(dirname "$0")/../.." || exit 1
. scripts/relay.sh
. tests/e2e/lib.sh

A=anna@contoso.example
C=cleo@contoso.example
make_relay '{ name = "hour"; per = "user"; count = "messages"; rate = "20/h"; beyond = "habit"; learning = 60; learning_known = 100; },
            { name = "day"; per = "user"; count = "messages"; rate = "100/d"; beyond = "habit"; learning = 150; },
            { name = "far"; per = "user"; count = "messages"; rate = "12/h"; burst = 28; from = "unfamiliar"; }' || exit 1
relay_start both || exit 1
postconf -c "$T/postfix" -e 'smtpd_authorized_xclient_hosts = 127.0.0.1'
relay_settled "$T/postfix/main.cf"
postfix -c "$T/postfix" reload >>"$T/postfix.log" 2>&1
p() { "$BIN/postern" -c "$T/postern.conf" "$@"; }
# out COMMAND...: what it says, in one line.
out() { "$@" 2>&1 | tr -s ' \n' ' '; }

# ---- one evening ----
FORGED="AB12CD34: client=x[192.0.2.66], sasl_method=PLAIN, sasl_username=$C"
is 'mail goes out' "$(submit $A --xclient-addr 203.0.113.9)" '250*'
is 'and more' "$(submit $A --xclient-addr 203.0.113.9 --to a@adatum.example,b@adatum.example)" '250*'
is 'from somebody else, who says strange things' "$(submit $C --ehlo "$FORGED" --header "Subject: $FORGED")" '250*'
submit bert@contoso.example >/dev/null # forbidden
swaks --server "127.0.0.1:$SMTP" --tls --auth LOGIN --auth-user "$FORGED" --auth-password wrong --ehlo "$FORGED" --from $C \
    --to c@adatum.example >/dev/null 2>&1
swaks --server "127.0.0.1:$SMTP25" --ehlo "$FORGED" --from "\"$FORGED\"@x.example" --to "\"$FORGED\"@adatum.example" >/dev/null 2>&1
# shellcheck disable=SC2016 # evaluated later
becomes 'Postfix has delivered all of it' 'grep -c "status=sent" "$T/maillog"' 4
# shellcheck disable=SC2016
becomes 'and is done with it' 'grep -c "qmgr.*: removed" "$T/maillog"' 3
postfix -c "$T/postfix" stop >/dev/null 2>&1
kill "$(cat "$T/policyd.pid")" "$(cat "$T/milter.pid")"
wait "$(cat "$T/policyd.pid")" "$(cat "$T/milter.pid")" 2>/dev/null

# The evening, so many days ago, with queue ids of its own.
ago() { sed "s/^[A-Z][a-z][a-z]  *[0-9]*/$(date -d "-$1 days" '+%b %e')/; s/: 4\([0-9B-DF-HJ-NP-TV-Zb-df-hj-np-tv-z]*\): /: $(printf %d "$1")\1: /" "$T/maillog"; }
mkdir "$T/logs"
for day in 17 16 15; do ago $day; done | gzip >"$T/logs/mail.log.3.gz"
touch -d '-15 days' "$T/logs/mail.log.3.gz"
for day in 12 10 9; do ago $day; done | xz >"$T/logs/mail.log.2.xz"
touch -d '-9 days' "$T/logs/mail.log.2.xz"
for day in 8 7 2; do ago $day; done >"$T/logs/mail.log.1"
touch -d '-2 days' "$T/logs/mail.log.1"
cp "$T/maillog" "$T/logs/mail.log"

# ---- another relay, without a state ----
fresh()
{
    [ ! -f "$T/policyd.pid" ] || { kill "$(cat "$T/policyd.pid")"; wait "$(cat "$T/policyd.pid")"; } 2>/dev/null
    rm -f "$T"/lib/state*
    relay_start_policyd
    relay_wait test -s "$T/lib/state"
}
fresh
is 'it is being learnt without' "$(out p explain --user $A --client 203.0.113.9)" '*limit hour 0 messages in the last hour; never seen before; at most 60*'

said=$(out p learn --dry-run "$T"/logs/*)
is 'it shows the highest, by name' "$said" "*login messages hour messages day recipients hour recipients day $A 2 2 3 3 $C 1 1 1 1*"
is 'from whom no mail came is not among them' "$(grep -c 'bert\|AB12' <<<"$said")" 0
is 'and networks, with their first and last day' "$said" "*contoso 203.0.113.0/24 10 $(date -d '-17 days' +%F) *$(date +%F)*"
is 'all lines were understood' "$said" '* lines were read; 0 of them were not understood*'
is 'a dry run takes nothing' "$(out p report habits)" 'none *'
is 'without a terminal it asks nobody and takes nothing' "$(out p learn "$T"/logs/mail.log </dev/null)" '*no terminal to ask on; --yes*'
is 'a short log is said to be one' "$(out p learn --dry-run "$T"/logs/mail.log)" '*The log spans 0 days*'
is 'and an old one' "$(out p learn --dry-run "$T"/logs/mail.log.3.gz)" '*The log ends 15 days ago*'
is 'who answers anything but yes is told that nothing was done' \
    "$(script -qec "$BIN/postern -c $T/postern.conf learn $T/logs/*" /dev/null <<<no 2>&1 | tr -s '\r\n ' ' ')" \
    '*Take the habits of 2 logins, and 1 network as familiar? Type "yes"*nothing was done*'
is 'nor was it' "$(out p report habits)" 'none *'
is 'who answers yes gets it' "$(script -qec "$BIN/postern -c $T/postern.conf learn $T/logs/*" /dev/null <<<yes 2>&1 | tr -s '\r\n ' ' ')" \
    '*Learnt: 2 logins, 1 network.*'
is 'the login is not learning any more' "$(out p explain --user $A --client 203.0.113.9)" \
    '*limit hour 0 messages in the last hour, usually at most 2; at most 22 may pass*limit day 0 messages in the last day, usually at most 2; at most 102*'
is 'nor is the tenant' "$(p status | grep -c 'learning until')" 0
is 'as the metrics say' "$(p metrics | grep -c '^postern_habits_learning 0$\|^postern_tenant_learning_until_timestamp_seconds{tenant="contoso"} 0$')" 2
is 'its network is familiar' "$(out p explain --user $A --client 203.0.113.77)" '*limit far not for this client network, which is familiar*'
is 'others are not' "$(out p explain --user $A --client 192.0.2.66)" '*limit far 0 used, 28 left*'
is 'learning twice changes nothing' "$(out p learn --yes "$T"/logs/mail.log*; p report habits --json | grep -c '"messages_day": [12],')" '*Learnt: 2 logins*2'

# ---- other forms of the same ----
iso() { for day in 17 12 8 0; do ago $day | sed "s/^\([A-Z][a-z][a-z]  *[0-9]*\) \([0-9:]*\)/$(date -d "-$day days" +%F)T\2.123456$(date +%:z)/"; done; }
fresh
is 'journalctl -o short-iso, through a pipe' "$(iso | out p learn --yes -)" '*Learnt: 2 logins, 1 network.*'
is 'a damaged archive is an error, and nothing is taken' "$(head -c 200 "$T/logs/mail.log.3.gz" >"$T/logs/cut.gz"; out p learn --yes "$T/logs/cut.gz")" '*cut.gz: is damaged: *gzip*'
is 'a message that two files tell of counts once' "$(cp "$T/logs/mail.log.1" "$T/logs/syslog.1"; out p learn --dry-run "$T"/logs/mail.log* "$T/logs/syslog.1"; rm "$T/logs/syslog.1")" \
    "*$A 2 2 3 3 $C 1 1 1 1*9 messages stand in more than one of the files, and count once.*"
is 'an empty log is said to be one' "$(out p learn --yes /dev/null)" '*the log is empty*'
is 'and one without logins' "$(grep -v sasl_username "$T/maillog" >"$T/logs/none"; out p learn --yes "$T/logs/none"; rm "$T/logs/none")" '*no message of a login is in the log*'
is 'of what is no log people read what one looks like' "$(out p learn --yes /etc/passwd)" '*no line was understood; expected*'
is 'so is no log at all' "$(out p learn --yes "$T/logs/none" ; out p learn --yes /etc/passwd)" '*none: cannot be opened: No such file*no line was understood*'

# ---- an attack in the log ----
attack()
{
    for i in $(seq 400); do
        sed -n "/: client=.*username=$A/,/: removed/s/: [0-9][0-9A-Za-z]*: /: $(printf '%08X' "$i"): /p" "$T/maillog" | sed '/: removed/q'
    done
}
fresh
attack >"$T/logs/mail.log"
touch "$T/logs/mail.log"
is 'a day far above the others is named, and left out' "$(out p learn --yes "$T"/logs/mail.log*)" \
    "*left out messages why $A *400 messages on $(date -u +%F), on other days some 2: an attack? --include takes it*Learnt: 1 login*"
is 'so that it has no habit' "$(p report habits | grep -c "^$A")" 0
is 'unless it is named' "$(out p learn --yes --include $A "$T"/logs/mail.log*)" '*Learnt: 2 logins*'
is 'who is named must be there' "$(out p learn --yes --include bert@contoso.example "$T"/logs/mail.log*)" '*no message of "bert@contoso.example" is in the log*'

# ---- from one relay to the next ----
p report habits --json >"$T/export.json" 2>/dev/null
fresh
is 'what one relay has learnt another one takes' "$(out p learn --yes "$T/export.json")" '*Learnt: 2 logins*'
is 'the tenant is not new there either' "$(p status | grep -c 'learning until')" 0
is 'with the same figures' "$(p report habits --json 2>/dev/null | sed 's/"today.*//' | cksum)" "$(sed 's/"today.*//' "$T/export.json" | cksum)"
exit $status
