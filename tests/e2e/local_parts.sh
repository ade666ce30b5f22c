#!/bin/bash
# Addresses that no mailbox has and that Postfix takes all the same: long local parts, dots side by side, blanks in quotes.
# Each front end takes them, for the same address, which is the one that mail goes to.
set -u
cd "$(dirname "$0")/../.." || exit 1
. scripts/relay.sh
. tests/e2e/lib.sh

# print_job SENDER RECIPIENT: what a printer is told in the end.
print_job()
{
    swaks --server "127.0.0.1:$SMTP25" --local-interface 127.20.0.5 --from "$1" --to "$2" --header "From: scan@contoso.example" \
        --body 'made up' >"$T/transcript" 2>&1
    sed -n 's/^<\(\*\*\|~\*\) *\([45][0-9][0-9][ -].*\)/\2/p' "$T/transcript" | tail -n 1 | grep . ||
        sed -n 's/^<[~-] *\(250 2.0.0 Ok: queued\).*/\1/p' "$T/transcript"
}

# judged FRONT-END: the sender in its last decision about a printer.
judged() { grep -a 'event=decision .*connector=printers' "$T/$1.log" | sed -n '$s/.* sender=\([^ ]*\).*/\1/p'; }
arrived() { grep -qaF "X-Rcpt-Args: <$1>" "$T"/sink/*; }

imceaex='IMCEAEX-_O=EXCHANGELABS_OU=EXCHANGE+20ADMINISTRATIVE+20GROUP+20+28FYDIBOHF23SPDLT+29_CN=RECIPIENTS_CN=0A7D6D2C'
long=$(printf 'verp+%.0s' $(seq 60))x
for front in policyd milter; do
    make_relay '' 'connectors = ( { name = "printers"; networks = [ "127.20.0.0/16" ]; recipients = "internal";
                                    senders = [ "@contoso.example" ]; } );
        tenants = ( { name = "contoso"; domains = [ "contoso.example" ]; } );'
    relay_start "$front" || exit 1
    # As the client writes it; the sender as the log has it; the recipient as Postfix delivers it.
    while read -r path canonical delivered; do
        path=$(echo "$path" | tr _ ' ')@contoso.example delivered=$(echo "$delivered" | tr _ ' ')@contoso.example
        is "$front takes <$path>" "$(print_job "$path" "$path")" '250*'
        is '... for the address that it is' "$(judged "$front")" "$canonical"
        relay_wait arrived "$delivered"
        is '... and that gets the mail' "$(arrived "$delivered" && echo yes)" yes
    done <<'LIST'
scan..2 scan..2@contoso.example "scan..2"
.scan .scan@contoso.example ".scan"
Scan. scan.@contoso.example "Scan."
"scan..2" scan..2@contoso.example "scan..2"
"scan_room_3" scan?x20room?x203@contoso.example "scan_room_3"
"Scan;_(3)" scan;?x20(3)@contoso.example "Scan;_(3)"
"scan" scan@contoso.example scan
LIST
    is "$front takes what Exchange makes of addresses that it can't write" \
        "$(print_job "$imceaex@contoso.example" "$imceaex@contoso.example")" '250*'
    is "$front takes a long local part" "$(print_job "$long@contoso.example" "$long@contoso.example")" '250*'
    is '... for what it is' "$(judged "$front")" 'verp+verp+verp+*'
    relay_wait arrived "$long@contoso.example"
    is '... and that gets the mail' "$(arrived "$long@contoso.example" && echo yes)" yes
    is "somebody else's domain is not the printer's, whatever is in quotes" "$(print_job '"scan room"@adatum.example' x@contoso.example)" '550 5.7.60 *'
    is 'nor is an odd name there an internal recipient' "$(print_job scan@contoso.example '"scan room"@adatum.example')" '550 5.7.64 *'
    is "what only quotes can say is no sub-address of one's own" "$(submit anna@contoso.example --from '"anna+boss x"@contoso.example')" '550 5.7.60 *'
    is 'a sub-address as long as Postfix takes it is' "$(submit anna@contoso.example --from "anna+$long@contoso.example")" '250*'
    is 'nothing came out of the sanitizers' "$(cat "$T"/*.log | grep -c 'ERROR: \|runtime error')" 0
    relay_stop
done
exit $status
