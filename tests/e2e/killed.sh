#!/bin/bash
# Programs killed, and what they know taken away: nothing passes that was forbidden, nothing counted is forgotten.
set -u
cd "$(dirname "$0")/../.." || exit 1
. scripts/relay.sh
. tests/e2e/lib.sh

A=anna@contoso.example
make_relay '{ name = "burst"; per = "user"; count = "messages"; rate = "4/d"; burst = 4; }'
relay_start both || exit 1

is 'a permitted message passes' "$(submit $A)" '250*'
is 'a second one passes' "$(submit $A)" '250*'
restart policyd
restart milter
is 'after kill -9 of both programs in mid-burst a third one passes' "$(submit $A)" '250*'
is 'a fourth' "$(submit $A)" '250*'
is 'and the limit remembers what was sent before the kill' "$(submit $A)" '451*4.7.1*'
becomes 'a message that passed both front ends was charged once' 'cat "$T/policyd.log" "$T/milter.log" | grep -c action=pass' 4

kill -9 "$(cat "$T/milter.pid")"
is 'without the milter nothing passes unchecked' "$(submit bert@contoso.example)" '4*'
relay_start_milter
kill -9 "$(cat "$T/policyd.pid")"
is 'without the policy server nothing passes unchecked' "$(submit bert@contoso.example)" '[45]5[01]*'
relay_start_policyd
becomes 'when both are back, the mailbox that is forbidden is refused' 'submit bert@contoso.example' '550*5.7.139*'

mv "$T/lib/directory" "$T/lib/gone"
sleep 2.5
is 'with the directory deleted, a running relay does not open' "$(submit bert@contoso.example)" '[45]*'
restart policyd
restart milter
is 'started without a directory it defers authenticated mail' "$(submit $A)" '451*'
becomes 'and says why in the log' 'grep -c reason=no-directory "$T/milter.log"' '[1-9]*'
mv "$T/lib/gone" "$T/lib/directory"
becomes 'when the directory is back, it is used without a restart' 'submit bert@contoso.example' '550*5.7.139*'
becomes 'and still nothing was forgotten' 'submit $A' '451*4.7.1*'
becomes 'the sink got what was accepted, and nothing else' relay_arrived 4
exit $status
