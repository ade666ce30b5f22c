#!/bin/bash
# The demonstration: a real Postfix with real SASL on loopback, postern behind it, a sink in the place of Exchange
# Online; real messages, and a table of what was sent, what was answered and what arrived. Non-zero if any line differs
# from what is promised.
#
#   scripts/demo.sh [-b DIRECTORY-OF-PROGRAMS] [both|policyd|milter]
set -u
cd "$(dirname "$0")/.." || exit 1
. scripts/demo/lib.sh
variant=${1:-both}

failed=0 shown=0
trap 'exit 1' INT TERM
demo_logs() { echo mirror.log policyd.log milter.log sasl.log; }

configure()
{
    cat >"$T/postern.conf" <<END
// What the demonstration runs with.
unauthenticated = "reject";
directory = "$T/lib/directory";
state = { file = "$T/lib/state"; entries = 65536; };
journal = "$T/lib/journal";
log = { to = "stderr"; };
tenants = ( { name = "contoso"; }, { name = "fabrikam"; } );
tls = { required = false; };
connectors = (
  { name = "printers"; networks = [ "127.20.0.0/16" ]; senders = [ "@contoso.example" ]; recipients = "internal"; }
);
limits = (
  { name = "burst"; per = "user"; count = "messages"; rate = "3/h"; burst = 3; then = "defer";
    except = ( { user = "anna@contoso.example"; rate = "100/h"; burst = 100; } ); },
  { name = "roaming"; per = "user"; count = "distinct client_net"; rate = "2/d"; burst = 2; then = "block 1h"; },
  { name = "guessing"; per = "client_net"; count = "auth failures"; rate = "3/h"; burst = 3; then = "block 1h"; }
);
policyd = { listen = "unix:$T/run/policyd.sock"; workers = 2; };
milter = { listen = "unix:$T/run/milter.sock"; };
sasl = { listen = "unix:$T/run/sasl.sock"; upstream = "unix:$T/queue/private/auth"; };
END
    for name in anna bert cleo info app eva rosa nobody; do echo "$name@contoso.example:{PLAIN}secret"; done >"$T/users"
    echo 'dora@fabrikam.example:{PLAIN}secret' >>"$T/users"
}

# The service of the snippet once more, at a port of its own, where clients sign in by postern-sasl.
configure_door()
{
    DOOR=$(relay_free_port)
    RELAY_DOVECOT='auth_failure_delay = 0
'
    RELAY_MASTER_CF=$(sed -n '/^submission /,/^$/p' conf/postfix/master.cf |
        sed -e "s|^submission |127.0.0.1:$DOOR |; s|smtpd_sasl_path=.*|smtpd_sasl_path=unix:$T/run/sasl.sock|" \
            -e '/_restrictions=/d; /smtpd_milters=/d')
    RELAY_MASTER_CF+=$'\n'
}

# The reply that decided, out of a client's transcript.
reply_of()
{
    sed -n 's/^<\(\*\*\|~\*\) *\([45][0-9][0-9][ -].*\)/\2/p; s/^< \([45][0-9][0-9] .*\)/\1/p' "$1" | tail -n 1 |
        grep . || sed -n 's/^<[~-] *\(250 2.0.0 Ok: queued\).*/\1/p; s/^< \(250 2.0.0 Ok: queued\).*/\1/p' "$1" | tail -n 1
}

# with_password CLIENT LOGIN SENDER RECIPIENT [FROM]
with_password()
{
    swaks --server "127.0.0.1:$SMTP" --local-interface "$1" --tls --auth PLAIN --auth-user "$2" --auth-password secret \
        --from "$3" --to "$4" --header "From: ${5:-$3}" --header "X-Demo: $number" --body 'made up'
}

# at_door CLIENT LOGIN SENDER RECIPIENT: the same by postern-sasl.
at_door()
{
    local SMTP=$DOOR
    with_password "$@"
}

# after_guesses CLIENT LOGIN SENDER RECIPIENT: with the right password, after three wrong ones from that address.
after_guesses()
{
    for _ in 1 2 3; do
        swaks --server "127.0.0.1:$DOOR" --local-interface "$1" --tls --auth PLAIN --auth-user "$2" --auth-password guess --quit-after AUTH
    done
    relay_wait eval '[ "$(grep -c reason=auth-failed "$T/sasl.log")" -eq 3 ]'
    refusals >"$T/refusals"
    at_door "$@"
}

# with_token CLIENT LOGIN SENDER RECIPIENT
with_token()
{
    printf 'From: %s\r\nTo: %s\r\nSubject: demo\r\nX-Demo: %s\r\n\r\nmade up\r\n' "$3" "$4" "$number" >"$T/message"
    curl -sv --insecure --ssl-reqd --interface "$1" "smtp://127.0.0.1:$SMTP" --mail-from "$3" --mail-rcpt "$4" \
        --upload-file "$T/message" --user "$2" --oauth2-bearer "$(relay_token "$2")" 2>&1 | tr -d '\r'
}

# without_login CLIENT SENDER RECIPIENT
without_login()
{
    swaks --server "127.0.0.1:$SMTP25" --local-interface "$1" --from "$2" --to "$3" --header "X-Demo: $number" --body 'made up'
}

arrived() { grep -qs "^X-Demo: $number\$" "$T"/sink/*; }

# What the services have logged of messages that they did not let through. Both may log one, so by number of lines.
refusals()
{
    cat "$T/policyd.log" "$T/milter.log" "$T/sasl.log" 2>/dev/null | grep -o 'event=decision action=\(reject\|defer\|hold\).*' |
        sed 's/event=decision //; s/ \(by\|stage\|tls\|method\|size\|recipients\|tenant\|client\|queue_id\|instance\)=[^ ]*//g'
}
logged() { [ "$(refusals | wc -l)" -gt "$known" ]; }

# why: notes what was logged since then, in the order of sending; the log is written by a thread of its own.
why()
{
    known=$(wc -l <"$T/refusals")
    relay_wait logged || return
    refusals >"$T/refusals.now"
    diff <(sort "$T/refusals") <(sort "$T/refusals.now") | sed -n "s/^> /$number. /p" | fold -s -w 96 | sed '2,$s/^/    /; s/ *$//' >>"$T/why"
    mv "$T/refusals.now" "$T/refusals"
}

# row WHAT SINK ANSWER WORDS: a row of the table, within 100 columns; the words go on below.
row()
{
    local words rest
    mapfile -t words < <(fold -s -w 30 <<<"$4" | sed 's/ *$//')
    printf '%-53s %-4s %-6s %s\n' "$1" "$2" "$3" "${words[0]:-}"
    for rest in "${words[@]:1}"; do printf '%66s%s\n' '' "$rest"; done
}

# line PROMISED-REPLY WHAT COMMAND...: runs the command, compares, prints a line of the table.
line()
{
    local promised=$1 what=$2 answer sink=no mark=
    shift 2
    number=$((shown + 1)) shown=$number
    "$@" >"$T/transcript" 2>&1
    answer=$(reply_of "$T/transcript")
    case $promised in 250*) relay_wait arrived ;; esac
    arrived && sink=yes
    case "$answer" in
    "$promised"*) ;;
    *) mark="  <-- promised: $promised" ;;
    esac
    case $promised:$sink in 250*:no | [45]*:yes) mark="$mark  <-- wrong at the sink" ;; esac
    [ -z "$mark" ] || { failed=$((failed + 1)); [ -z "${DEMO_VERBOSE:-}" ] || cat "$T/transcript"; }
    # Postfix wraps a policy reply, and what it says at AUTH: the words of postern are behind that.
    row "$number. $what" "$sink" "${answer%% *}" "$(sed 's/^[0-9]* //; s/<[^>]*>: [A-Za-z ]*: //; s/^5.7.8 Error: authentication failed: //' <<<"$answer")$mark"
    case $promised in [45]*) why ;; esac
}

table()
{
    # The policy server never sees the header, and Postfix gives 5.1.8 the meaning that it has for recipients (5.1.2).
    local header_refusal='550 5.7.60' blocked='550 5.1.8'
    [ "$variant" != policyd ] || { header_refusal='250'; blocked='550 5.1.2'; }
    : >"$T/refusals"
    row 'what was sent' sink reply 'in words'
    printf "%s\n" "$(printf "%0.s-" {1..53}) ---- ------ ------------------------------"
    local a=anna@contoso.example out=guest@adatum.example

    line '250' 'anna: her mailbox allows SMTP AUTH' with_password 127.9.1.1 $a $a $out
    line '550 5.7.139' 'bert: his mailbox forbids it' with_password 127.9.1.1 bert@contoso.example bert@contoso.example $out
    line '550 5.7.139' 'cleo: inherits from an organization that forbids' with_password 127.9.1.1 cleo@contoso.example cleo@contoso.example $out
    line '250' 'dora: inherits from an organization that allows' with_password 127.9.1.1 dora@fabrikam.example dora@fabrikam.example $out
    line '550 5.7.139' 'nobody: a login that has no mailbox' with_password 127.9.1.1 nobody@contoso.example nobody@contoso.example $out
    line '550 5.7.139' 'eva: a password, but her policy forbids Basic' with_password 127.9.1.1 eva@contoso.example eva@contoso.example $out
    line '250' 'eva: the same with an OAuth token' with_token 127.9.1.1 eva@contoso.example eva@contoso.example $out
    line '550 5.7.60' 'anna as bert: a sender that is not hers' with_password 127.9.1.1 $a bert@contoso.example $out
    line '250' 'anna as info: she may send as the shared mailbox' with_password 127.9.1.1 $a info@contoso.example $out
    line "$header_refusal" 'anna with the header From of bert' with_password 127.9.1.1 $a $a $out 'Boss <bert@contoso.example>'
    line '250' 'app: 1st message (3 at once are allowed)' with_password 127.9.1.1 app@contoso.example app@contoso.example $out
    line '250' 'app: 2nd message' with_password 127.9.1.1 app@contoso.example app@contoso.example $out
    line '250' 'app: 3rd message' with_password 127.9.1.1 app@contoso.example app@contoso.example $out
    line '451 4.7.1' 'app: 4th message, over the limit' with_password 127.9.1.1 app@contoso.example app@contoso.example $out
    line '250' 'rosa: from a first network' with_password 127.1.1.1 rosa@contoso.example rosa@contoso.example $out
    line '250' 'rosa: from a second network' with_password 127.2.2.2 rosa@contoso.example rosa@contoso.example $out
    line "$blocked" 'rosa: from a third: blocked for an hour' with_password 127.3.3.3 rosa@contoso.example rosa@contoso.example $out
    line "$blocked" 'rosa: back in the first network, still blocked' with_password 127.1.1.1 rosa@contoso.example rosa@contoso.example $out
    line '250' 'a printer, without login, to an internal address' without_login 127.20.0.5 scan@contoso.example $a
    line '550 5.7.64' 'the printer to an external address' without_login 127.20.0.5 scan@contoso.example $out
    line '550 5.7.60' 'the printer with a foreign sender' without_login 127.20.0.5 scan@adatum.example $a
    line '535 5.7.8' 'bert, by postern-sasl: refused at AUTH' at_door 127.9.1.1 bert@contoso.example bert@contoso.example $out
    line '535 5.7.8' 'anna, from a network that guessed: blocked' after_guesses 127.4.4.4 $a $a $out
    line '530 5.7.57' 'a client of no trusted network, without login' without_login 127.30.0.1 scan@contoso.example $a
}

relay_make "$programs" || exit 1
configure
configure_door
import_tenants
relay_start_sasl || fail 'postern-sasl did not start'
relay_start "$variant" || fail "the relay did not start"
table
echo
if [ "$failed" -gt 0 ]; then
    echo "$failed of $shown lines differ from what is promised"
    [ -z "${DEMO_VERBOSE:-}" ] || fail "see above"
    exit 1
fi
echo "All $shown lines are as promised. Why each was refused, as the log says it, in the order of sending:"
echo
cat "$T/why"
echo
echo 'What next: "Behind your own Postfix" in README.md leads to a relay of your own.'
