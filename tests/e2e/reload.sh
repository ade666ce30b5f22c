#!/bin/bash
# Rules that change while mail flows.
set -u
cd "$(dirname "$0")/../.." || exit 1
. scripts/relay.sh
. tests/e2e/lib.sh

A=anna@contoso.example
make_relay '{ name = "burst"; per = "user"; count = "messages"; rate = "2/d"; burst = 2; }'
relay_start both || exit 1

is 'a permitted message passes' "$(submit $A)" '250*'
sed -i 's/burst = 2/burst = 3/' "$T/postern.conf"
relay_reload policyd milter
is 'after a reload the second passes' "$(submit $A)" '250*'
is 'and by the new limit the third' "$(submit $A)" '250*'
is 'but no more: a reload forgets nothing' "$(submit $A)" '451*4.7.1*'
cp "$T/postern.conf" "$T/good.conf"
echo 'limmits = ();' >>"$T/postern.conf"
relay_reload policyd milter
is 'a reload with a mistake keeps the old rules' "$(submit bert@contoso.example)" '550*5.7.139*'
is 'and names the mistake with its line' "$(grep -c 'reload refused.*limmits' "$T/policyd.log" "$T/milter.log" | tr '\n' ' ')" '*policyd.log:1*milter.log:1*'
cp "$T/good.conf" "$T/postern.conf"
echo 'replies = { mailbox-disabled = "550 5.7.139 Ask the help desk at extension 100"; };' >>"$T/postern.conf"
relay_reload policyd milter
is 'a reply that the operator wrote is what the client gets' "$(submit bert@contoso.example)" '550*help desk*'

# Settings that change under a running relay.
sed -i 's/"anna@contoso.example","True","False"/"anna@contoso.example","True","True"/' "$T/lib/cas.csv"
sed -i 's/"bert@contoso.example","True","True"/"bert@contoso.example","True","False"/' "$T/lib/cas.csv"
is 'an import says what changed' "$(relay_import --tenant contoso "$T/lib/cas.csv" | grep -c 'SMTP AUTH')" 2
becomes 'and it holds without a reload: forbidden now' 'submit $A' '550*help desk*'
becomes 'permitted now' 'submit bert@contoso.example' '250*'
is 'nothing came out of the sanitizers' "$(cat "$T"/*.log | grep -c 'ERROR: \|runtime error')" 0
exit $status
