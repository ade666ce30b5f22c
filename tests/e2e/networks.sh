#!/bin/bash
# From where a login may come (logins_from), and limits about some senders only, through a real Postfix.
set -u
cd "$(dirname "$0")/../.." || exit 1
. scripts/relay.sh
. tests/e2e/lib.sh

A=anna@contoso.example
C=cleo@contoso.example
CLOUD=anna@contoso.onmicrosoft.com
HERE=127.0.0.2
ELSEWHERE=127.0.0.3
p() { "$BIN/postern" -c "$T/postern.conf" "$@"; }
# recipients FIRST LAST: so many of them, separated by commas.
recipients() { seq -f "x%.0f@adatum.example" -s, "$1" "$2"; }

# The reason that explain gives for the last refusal in a log, told from its line alone.
explained() { grep 'action=reject' "$T/$1.log" | tail -n 1 | p explain --log-line --json | jq -r .reason; }
# try PROGRAM: a relay with that program alone.
try()
{
    local program=$1
    make_relay '' 'logins_from = ( { user = "anna@contoso.example"; networks = [ "127.0.0.2", "2001:db8::/64" ]; } );
        sender = { except = ( { user = "anna@contoso.example"; senders = "@contoso.onmicrosoft.com"; } ); };
        default_tenant = "contoso"; tenants = ( { name = "contoso"; domains = "contoso.example"; netbios = "CONTOSO"; } );'
    sed -i 's/^preset = .*/preset = "exchange-online";/' "$T/postern.conf"
    sed -i '/^limits = /d' "$T/postern.conf"
    echo 'anna:{PLAIN}secret' >>"$T/users"
    relay_start "$program" || exit 1

    is "$program: a login passes from its network" "$(submit $A --local-interface $HERE)" '250*'
    is "$program: it is refused from elsewhere" "$(submit $A --local-interface $ELSEWHERE)" \
        '550*5.7.139*the request did not meet the criteria to be authenticated successfully*'
    is "$program: the client learns nothing of networks" "$(grep -c '127.0.0.2\|etwork' "$T/transcript")" 0
    is "$program: the log has the reason" "$(grep -c 'action=reject reason=logins-from .*client=127.0.0.3' "$T/$program.log")" 1
    is "$program: explain reaches the same verdict" "$(explained "$program")" logins-from
    is "$program: and names the networks" "$(grep 'reason=logins-from' "$T/$program.log" | tail -n 1 | p explain --log-line)" \
        '*network*only 127.0.0.2/32, 2001:db8::/64 by logins_from, user anna@contoso.example; the client is elsewhere*'
    is "$program: another spelling of the login is the same one" \
        "$(submit anna --local-interface $ELSEWHERE --from $A --header "From: $A")" '550*5.7.139*criteria*'
    is "$program: other logins come from anywhere" "$(submit $C --local-interface $ELSEWHERE)" '250*'
    is "$program: check says it in plain words" "$(p check)" \
        '*User anna@contoso.example: from 127.0.0.2/32, 2001:db8::/64 only.*'
    sed 's/user = "anna@contoso.example"; networks/user = "ana@contoso.example"; networks/' "$T/postern.conf" >"$T/misspelt.conf"
    is "$program: and warns of a name that no mailbox has" "$("$BIN/postern" -c "$T/misspelt.conf" check | tr -s ' \n' ' ')" \
        '*Warnings*logins_from\[ana@contoso.example\]: no mailbox has the name ana@contoso.example, so the row keeps nobody out.*'
    becomes "$program: the journal has it" "p log --reason logins-from 2>&1" '*logins-from*127.0.0.3*'

    cloud=(--local-interface "$HERE" --from "$CLOUD" --header "From: $CLOUD")
    is "$program: 99 external recipients of an onmicrosoft.com address" "$(submit $A "${cloud[@]}" --to "$(recipients 1 99)")" '250*'
    is "$program: the hundredth" "$(submit $A "${cloud[@]}" --to x100@adatum.example)" '250*'
    is "$program: and no more" "$(submit $A "${cloud[@]}" --to x101@adatum.example)" \
        "550*5.7.236*Your message can't be sent because your tenant has exceeded its daily limit*onmicrosoft.com addresses*"
    is "$program: the log names the limit" "$(grep -c 'reason=limit-reject .*limit=onmicrosoft-rate' "$T/$program.log")" 1
    is "$program: explain reaches the same verdict" "$(explained "$program")" limit-reject
    is "$program: internal recipients are none of them" "$(submit $A "${cloud[@]}" --to $C)" '250*'
    is "$program: the organization's own domain goes on" "$(submit $A --local-interface $HERE)" '250*'
    is "$program: explain says why the limit is not about that" \
        "$(p explain --user $A --client $HERE --sender $A --recipient x@adatum.example)" \
        "*limit onmicrosoft-rate*not about this message, by its sender's domain*"
    is "$program: nothing came out of the sanitizers" "$(cat "$T"/*.log | grep -c 'ERROR: \|runtime error')" 0
    relay_stop
}

try policyd
try milter
exit $status
