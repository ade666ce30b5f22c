#!/bin/bash
# Several recipients, holds, null senders, and forms of addresses that only a real Postfix makes.
set -u
cd "$(dirname "$0")/../.." || exit 1
. scripts/relay.sh
. tests/e2e/lib.sh

A=anna@contoso.example
make_relay '{ name = "recipients"; per = "user"; count = "recipients"; rate = "20/d"; burst = 20; },
            { name = "queue"; per = "user"; count = "messages"; rate = "4/d"; burst = 4; then = "hold"; }' \
    'connectors = ( { name = "printers"; networks = [ "127.20.0.0/16" ]; recipients = "internal"; tenant = "contoso"; } );
     tenants = ( { name = "contoso"; domains = [ "contoso.example" ]; } );'
relay_start both || exit 1

is 'a printer may send to one internal recipient of two' \
    "$(swaks --server "127.0.0.1:$SMTP25" --local-interface 127.20.0.5 --from scan@contoso.example --to x@adatum.example,$A 2>&1 | grep -c '<\*\* 550 5.7.64\|Ok: queued')" 2
becomes 'that one gets it' relay_arrived 1
is 'and nobody else' "$(grep -l 'X-Rcpt-Args: <x@adatum' "$T"/sink/* 2>/dev/null | wc -l)" 0
is 'the null sender with one recipient is a delivery report' "$(submit $A --from '<>')" '250*'
is 'a quoted spelling of the own address is the own address' "$(submit $A --from '"anna"@contoso.example')" '250*'
is 'an address hidden in a quoted local part is not' "$(submit $A --from '"anna@contoso.example"@adatum.example')" '5[0-9][0-9]*'
is 'a sub-address is the own address' "$(submit $A --from 'anna+list@contoso.example')" '250*'
is 'two From fields are judged both' "$(submit $A --add-header 'From: boss@contoso.example')" '550*5.7.60*'
is 'a group of nobody as From is refused' "$(submit $A --header 'From: boss:;')" '550*5.6.0*'
is 'what the milter refused was not charged: a fourth message passes' "$(submit $A)" '250*'
is 'nothing is held so far' "$(find "$T/queue/hold" -type f | wc -l)" 0
is 'over a limit that holds, the message is accepted' "$(submit $A)" '250*'
is 'and waits in the hold queue' "$(find "$T/queue/hold" -type f | wc -l)" 1
is 'a recipient more than the whole burst is refused for good' "$(submit cleo@contoso.example --to "$(seq -f 'x%.0f@adatum.example' -s, 21)")" '550*5.5.3*'
is 'the null sender with two is none, and the second goes into another message' \
    "$(submit cleo@contoso.example --from '<>' --to a@a.example,b@a.example)$(grep -o '250 2.0.0 Ok: queued' "$T/transcript")" '452 4.5.3*250 2.0.0 Ok: queued'
is 'nothing came out of the sanitizers' "$(cat "$T"/*.log | grep -c 'ERROR: \|runtime error')" 0
exit $status
