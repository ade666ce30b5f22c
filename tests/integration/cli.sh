#!/bin/bash
# The command line at three in the morning: real mail through Postfix, and every command of "postern" upon it. TAP lines.
# BUILD=... for another build directory than build/asan.
set -u
cd "$(dirname "$0")/../.." || exit 1
. scripts/relay.sh
. tests/e2e/lib.sh
BUILD=${BUILD:-build/asan}
eval "$(declare -f relay_make | sed '1s/relay_make/relay_make_of/')"
relay_make() { relay_make_of "$BUILD"; }

A=anna@contoso.example
B=bert@contoso.example
make_relay '{ name = "roaming"; per = "user"; count = "distinct client"; rate = "6/d"; burst = 6; then = "block 1h"; },
            { name = "message-rate"; per = "user"; count = "messages"; rate = "500/d"; burst = 500; }' \
    'connectors = ( { name = "printers"; networks = ["127.20.0.0/16"]; tls = { required = false; }; } );
     never_block = ["198.51.100.0/24", "boss@contoso.example"];
     smtp_auth = { allow_file = "allow"; deny_file = "deny"; };'
# Display names: two of them alike.
printf '%s\n' '"Guid","PrimarySmtpAddress","UserPrincipalName","Alias","DisplayName","RecipientTypeDetails"' \
    "\"0a7d6d2c-0001-4b7e-9d55-000000000001\",\"$A\",\"$A\",\"anna\",\"Anna Berg\",\"UserMailbox\"" \
    "\"0a7d6d2c-0001-4b7e-9d55-000000000002\",\"$B\",\"$B\",\"bert\",\"Same Name\",\"UserMailbox\"" \
    '"0a7d6d2c-0001-4b7e-9d55-000000000003","cleo@contoso.example","cleo@contoso.example","cleo","Same Name","UserMailbox"' >"$T/lib/mailbox.csv"
relay_import --tenant contoso "$T/lib/mailbox.csv" >"$T/mirror.log" 2>&1 || { cat "$T/mirror.log"; exit 1; }
echo '# made by hand' | tee "$T/allow" >"$T/deny"
p() { "$BUILD/postern" -c "$T/postern.conf" "$@"; }
# Like submit, from another address.
submit_from() { local ip=$1; shift; submit "$@" --xclient-addr "$ip"; }
# json FILTER: of standard input; fails on what is not JSON.
json() { jq -r "$1" 2>&1; }

is 'without a service, status says so' "$(p status 2>/dev/null | grep -c '^  postern-\(policyd\|milter\) *DOWN$'; p status >/dev/null 2>&1; echo $?)" '2*3'
is 'explain without a state names the file' "$(p explain --user $A 2>&1)" "*$T/lib/state*"
is 'and to a monitor that it is critical' "$(p status --check 2>/dev/null; echo $?)" 'POSTERN CRITICAL - *postern-policyd is down; postern-milter is down; *[|] services=0;*2'
is 'without a configuration a monitor is told that nothing is known' "$("$BUILD/postern" -c "$T/none" status --check 2>/dev/null; echo $?)" "POSTERN UNKNOWN - *$T/none*3"
relay_start both || exit 1
is 'with the services all is well for a monitor' "$(p status --check; echo $?)" 'POSTERN OK - services: 2, listeners: 2, blocks: 0 [|] services=2;;;0 blocks=0;;;0 counters=*settings_age=*s;;;0 *
0'
is 'and a line for a monitor is not for programs' "$(p status --check --json 2>&1; echo $?)" '*--check*2'

# ---- explain ----
is 'explain says that anna may send' "$(p explain --user $A --client 203.0.113.1)" "*Verdict: pass (allowed)*"
is 'with the mailbox, and whence its setting came' "$(p explain --user $A)" "*setting of mailbox $A says enabled, as mirrored (from *, as of * ago)*"
is 'and with the level of every limit' "$(p explain --user $A | grep -c 'limit .*: 0 used, .* left of')" 2
is 'explain charges nothing' "$(for i in 1 2 3; do p explain --user $A --client 203.0.113.$i >/dev/null; done; p explain --user $A --client 203.0.113.9 | grep -c 'limit roaming: 0 used')" 1
is 'explain tells the reply that the client gets' "$(p explain --user $B)" "*$(submit $B | cut -c1-60)*"
is 'explain knows a sender that is not her own' "$(p explain --user $A --sender $B | grep Verdict)" 'Verdict: reject (sender-not-own)'
is 'and a header From' "$(p explain --user $A --from "Bert <$B>" --recipient x@adatum.example | grep Verdict)" 'Verdict: reject (from-not-own)'
is 'explain without TLS, which is not required here' "$(p explain --user $A --tls none | grep -c 'TLS: *none, not required\|TLS *none, not required')" 1
is 'explain of a connector' "$(p explain --client 127.20.1.1 --sender x@contoso.example)" '*connector printers*'
is 'explain of a stranger' "$(p explain --client 192.0.2.1 | grep Verdict)" 'Verdict: pass (not-ours)'
is 'explain at one stage' "$(p explain --user $A --stage mail | grep -c '^  stage *mail')" 1
is 'explain of who signs in' "$(p explain --user $B --stage auth | grep Verdict; p explain --user $A --stage auth | grep Verdict)" 'Verdict: reject (mailbox-disabled)*Verdict: pass (allowed)'
is 'explain as JSON' "$(p explain --user $B --json | json '.action + " " + .reason + " " + (.steps | length > 3 | tostring)')" 'reject mailbox-disabled true'
is 'explain reads a line of the log' "$(grep -h 'event=decision.*login=bert' "$T"/*.log | tail -n 1 | p explain --log-line | grep Verdict)" 'Verdict: reject (mailbox-disabled)'
is 'explain reads a policy request' "$(printf 'request=smtpd_access_policy\nprotocol_state=RCPT\nsasl_username=%s\nsender=%s\nrecipient=x@adatum.example\nclient_address=203.0.113.7\nencryption_protocol=TLSv1.3\n\n' $B $B | p explain --policy | grep Verdict)" 'Verdict: reject (mailbox-disabled)'
is 'explain says what it cannot read' "$(echo nothing | p explain --log-line 2>&1; echo $?)" '*event=decision*1'
is 'explain needs somebody' "$(p explain >/dev/null 2>&1; echo $?)" 2

# ---- a burst from many addresses, and the block it makes ----
for i in 1 2 3 4 5 6; do last=$(submit_from 203.0.113.$i $A); done
is 'six addresses are let through' "$last" '250*'
is 'the seventh is not' "$(submit_from 203.0.113.7 $A)" '550*5.1.8*'
is 'nor any other from now on' "$(submit_from 203.0.113.1 $A)" '550*5.1.8*'
is 'blocks says who, by what' "$(p blocks)" "user $A
  since      * until *
  by         roaming (over 6/d, burst 6)*"
becomes 'and how many messages, from where' 'p blocks' '*6 passed, * refused*203.0.113.7*'
becomes 'and to whom' 'p blocks' '*recipients adatum.example*'
is 'blocks as JSON' "$(p blocks --json | json '.[0].limit + " " + (.[0].passed_before | tostring)')" 'roaming 6'
is 'blocks as CSV' "$(p blocks --csv | head -n 1)" 'subject,since,until,limit,*'
is 'explain shows what the next message would get' "$(p explain --user $A)" "*blocked*user $A, by roaming*for another [15]*Verdict: reject (blocked)*"
kill -9 "$(cat "$T/policyd.pid")" "$(cat "$T/milter.pid")"
is 'the block outlives the services' "$(p blocks --csv | grep -c roaming)" 1
rm -f "$T/run/milter.sock"
relay_start_policyd && relay_start_milter
is 'and holds when they are back' "$(submit_from 203.0.113.1 $A)" '550*5.1.8*'
is 'unblock lifts it' "$(p unblock $A)" "unblocked: user $A (was blocked by roaming)"
is 'and gives back the limit that led to it' "$(p explain --user $A --client 203.0.113.77 | grep -c 'limit roaming: 0 used')" 1
is 'so that she may send at once' "$(submit_from 203.0.113.77 $A)" '250*'
is 'a second unblock says that there is nothing' "$(p unblock $A 2>&1; echo $?)" "*$A is not blocked*1"

# ---- blocks by an operator ----
is 'block refuses from now on' "$(p block $A --for 2h --reason 'stolen password'; submit_from 203.0.113.1 $A)" "blocked: user $A, until *550*5.1.8*"
is 'with the reason' "$(p blocks)" '*by         operator (*: stolen password)*'
is 'a reason that was cut is said to be' "$(p unblock $A >/dev/null; p block $A --for 2h --reason "stolen password, ticket 4711: do not unblock before Bert of the help desk has called her" 2>&1 >/dev/null; echo $?)" \
    '*the reason was cut*"*: stolen password, ticket 4711*"*0'
is 'unblock takes what blocks shows' "$(p unblock user $A)" 'unblocked*'
is 'a network of any size' "$(p block 203.0.112.0/22 --for 10m; submit_from 203.0.113.1 $A)" 'blocked: network 203.0.112.0/22*550*'
is 'but not its neighbours' "$(submit_from 203.0.116.1 $A)" '250*'
is 'an address in it is blocked by the network, and unblock says so' "$(p unblock 203.0.113.1 2>&1)" '*still blocked: network 203.0.112.0/22*'
is 'unblock of the network' "$(p unblock 203.0.112.0/22; submit_from 203.0.113.1 $A)" 'unblocked*250*'
is 'an address' "$(p block 203.0.113.1 --for 10m >/dev/null; submit_from 203.0.113.1 $A; submit_from 203.0.113.2 $A)" '550*250*'
p unblock 203.0.113.1 >/dev/null
is 'a connector' "$(p block printers; p explain --client 127.20.1.1 | grep Verdict; p unblock connector printers)" 'blocked: connector printers*reject (blocked)*unblocked*'
is 'whom never_block protects is not blocked' "$(p block 198.51.100.7 2>&1; echo $?)" '*never_block*protects client 198.51.100.7*1'
is 'unless it is forced' "$(p block boss@contoso.example --force; p unblock boss@contoso.example)" 'blocked: user boss*unblocked*'
is 'everybody is not a network to block' "$(p block 0.0.0.0/0 2>&1; echo $?)" '*everybody*1'
is 'a typing error is one' "$(p block 203.0.113.1/24 2>&1; p block '' 2>&1; p block printer copier 2>&1)" '*203.0.113.0/24*no login*expected one name*'
is 'no block without an end is called one' "$(p block $A --for 0s 2>&1; p block $A --for soon 2>&1 | head -n 1)" '*no block*--for*'

# ---- the journal ----
becomes 'log shows what was decided' 'p log | tail -n 1' '*pass *allowed *203.0.113.2 *'
is 'by verdict' "$(p log --verdict refused --csv | tail -n +2 | grep -vc 'reject\|defer')" 0
is 'by user' "$(p log --user $B --json | json 'map(.login) | unique | join(",")')" "$B"
is 'by client' "$(p log --client 203.0.113.0/29 --json | json 'map(select(.client | startswith("203.0.113.") | not)) | length')" 0
is 'by reason' "$(p log --reason blocked --json | json 'map(.reason) | unique | join(",")')" blocked
is 'by stage' "$(p log --stage end --json | json 'map(.stage) | unique | join(",")'; p log --stage auth --csv | wc -l; p log --stage never >/dev/null 2>&1; echo $?)" 'end*1*2'
is 'so many lines' "$(p log --lines 3 --csv | wc -l)" 4
becomes 'since when' 'p log --since 0s --csv | wc -l' 1
is 'a reason that is none' "$(p log --reason nonsense >/dev/null 2>&1; echo $?)" 2
is 'one that is nearly one' "$(p log --reason mailbox-disable 2>&1; echo $?)" '*"mailbox-disable"; did you mean "mailbox-disabled"*2'
is 'and a report' "$(p report unusd 2>&1; echo $?)" '*"unusd"; did you mean "unused"*2'

# ---- hostile text: straight into the policy socket, as if a SASL server had let it through ----
python3 - "$T/run/policyd.sock" <<'END'
import socket, sys
s = socket.socket(socket.AF_UNIX)
s.connect(sys.argv[1])
s.sendall(b"request=smtpd_access_policy\nprotocol_state=RCPT\nclient_address=203.0.113.66\n"
          b"sasl_method=PLAIN\nsasl_username=\xc2\x9b31m=evil@contoso.example\nencryption_protocol=TLSv1.3\n"
          b"sender=\x1b[31m\"=cmd@contoso.example\nrecipient=x@adatum.example\n\n")
s.recv(1000)
END
becomes 'a hostile login reaches the journal' 'p log --client 203.0.113.66 --csv | wc -l' 2
for format in '' --csv --json; do
    is "but no control character a terminal (log $format)" "$(p log $format | tr -d '\n\r' | LC_ALL=C grep -c $'[\x01-\x1f\x7f]\|\xc2[\x80-\x9f]')" 0
done
is 'nor in blocks' "$({ p block client 203.0.113.66 --reason $'x\e[31m\n'; p blocks; p unblock 203.0.113.66; } | tr -d '\n' | LC_ALL=C grep -c $'[\x01-\x1f\x7f]')" 0
is 'nor in errors' "$(p block $'\e[31m' 2>&1 | tr -d '\n' | LC_ALL=C grep -c $'[\x01-\x1f\x7f]')" 0
is 'nor in explain' "$(printf 'sasl_username=\e[31m\nsender=\e]0;x\a\n\n' | p explain --policy | tr -d '\n' | LC_ALL=C grep -c $'[\x01-\x1f\x7f]')" 0

# ---- a mailbox by any name ----
is 'block takes a display name, and says whose it is' "$(p block 'anna berg' --for 2h 2>&1; submit_from 203.0.113.1 $A)" "*\"anna berg\" is the display name of $A*blocked: user $A*550*5.1.8*"
is 'so does unblock' "$(p unblock user 'Anna Berg' 2>&1)" "*unblocked: user $A*"
is 'and both take a Guid' "$(p block 0A7D6D2C-0001-4b7e-9d55-000000000002 2>&1; p unblock '{0a7d6d2c-0001-4b7e-9d55-000000000002}' 2>&1)" "*is the Guid of $B*blocked: user $B*unblocked: user $B*"
is 'a name that two have is listed, and blocks nobody' "$(p block 'Same Name' 2>&1; echo $?; p blocks --csv | wc -l)" "*the display name of $B and cleo@contoso.example: which one?*1*1"
is 'a login is never a display name' "$(p block login 'Anna Berg' 2>&1; echo $?)" '*can be no login*1'
is 'nor does it sign in by it' "$(p explain --policy <<<"sasl_username=0a7d6d2c-0001-4b7e-9d55-000000000001
protocol_state=RCPT
request=smtpd_access_policy
client_address=203.0.113.7
" 2>&1 | grep Verdict)" 'Verdict: reject (unlisted)'
is 'explain takes a display name, and her own address as the sender' "$(p explain --user 'Anna Berg' 2>&1)" "*display name of $A*user *$A*Verdict: pass (allowed)*"
is 'and a Guid' "$(p explain --user 0a7d6d2c-0001-4b7e-9d55-000000000002 2>&1 | grep Verdict)" 'Verdict: reject (mailbox-disabled)'
is 'but not one that two have' "$(p explain --user 'Same Name' 2>&1; echo $?)" "*which one? Give an address*1"
is 'a list gets the address' "$(p allow 'Anna Berg' 2>&1; tail -n 1 "$T/allow")" "*is the display name of $A*added $A*$A # allowed*"
is 'forget finds it by the name' "$(p forget 'Anna Berg' 2>&1)" "*removed $A*"
is 'what two have goes into no list' "$(p deny 'Same Name' 2>&1; echo $?; wc -l <"$T/deny")" '*which one?*1*1'
becomes 'log finds it by the name' 'p log --user "Anna Berg" --json 2>/dev/null | json "map(.login) | unique | join(\",\")"' "$A"
is 'which two may not have' "$(p log --user 'Same Name' 2>&1; echo $?)" '*which one?*1'

# ---- reports ----
is 'report used: who, and from where' "$(p report used --json | json ".[] | select(.mailbox == \"$A\") | .clients")" '*203.0.113.*'
is 'report used as a table' "$(p report used | grep -c "^contoso *$A")" 1
is 'report refused: who, and why' "$(p report refused --json | json ".[] | select(.mailbox == \"$B\") | .reason")" mailbox-disabled
is 'report basic' "$(p report basic --csv | grep -c "^contoso,$A,")" 1
is 'report legacy-tls has nobody' "$(p report legacy-tls)" none
is 'report enabled' "$(p report enabled --json | json '.[].mailbox')" "$A*"
is 'report disabled, and why he may not' "$(p report disabled --json | json '.[] | .mailbox + " " + .may_send')" "$B mailbox-disabled"
is 'report inherited' "$(p report inherited --csv | wc -l)" 1
is 'report unused says that it has not watched for long' "$(p report unused 2>&1 >/dev/null)" '*usage is known from *'
is 'report used as a script' "$(p report used --powershell | tail -n 1)" "Set-CASMailbox -Identity '$A' -SmtpClientAuthenticationDisabled \$false -WhatIf:\$WhatIf"
is 'unused is no script while usage is known for minutes' "$(p report unused --powershell 2>&1 >"$T/script"; echo "$? $(wc -c <"$T/script")")" '*usage is known from *not for 90 days*--force*1 0'
is 'unless it is forced, with a warning inside' "$(p report unused --powershell --force 2>/dev/null | grep '^# ')" '*Usage is known from *taken for unused*WARNING: that is less than the 90 days*'
is 'used tells inside from when on it knows' "$(p report used --powershell | grep -c '^# Usage is known from 20')" 1
is 'enabled as a script puts these settings back' "$(p report enabled --powershell | grep "'$A'")" "Set-CASMailbox -Identity '$A' -SmtpClientAuthenticationDisabled \$false -WhatIf:\$WhatIf"
is 'so does disabled, and tells of when they are' "$(p report disabled --powershell)" "*It puts the settings back*contoso: as mirrored 20*Set-CASMailbox -Identity '$B' -SmtpClientAuthenticationDisabled \$true -WhatIf:\$WhatIf"
is 'and inherited, which has nobody here' "$(p report inherited --powershell | tail -n 1)" 'param(\[switch\]$WhatIf)'
is 'no script where nothing is to be set' "$(p report basic --powershell >/dev/null 2>&1; echo $?)" 2
is 'no report of that name' "$(p report everything >/dev/null 2>&1; echo $?)" 2

# ---- status, top, metrics ----
is 'status names the services' "$(p status | grep -c '^  postern-\(policyd\|milter\) *pid ')" 2
is 'and that they answer' "$(p status | grep -c ': answers$')" 2
is 'the directory' "$(p status)" '*contoso * mailboxes, SMTP AUTH disabled as mirrored*, from *'
is 'verdicts by reason, top logins' "$(p status)" "*mailbox-disabled*Logins with the most messages*$A*"
is 'status is well' "$(p status >/dev/null; echo $?)" 0
is 'status as JSON' "$(p status --json | json '(.services | length | tostring) + " " + .top_logins[0].name')" "2 $A"
is 'top draws one picture' "$(p top --once | grep -c '^Services:')" 1
is 'top is for terminals' "$(p top 2>&1 >/dev/null; echo $?)" '*terminal*2'
is 'metrics: each family has one HELP and one TYPE' "$(p metrics | awk '/^# HELP/ { h[$3]++ } /^# TYPE/ { t[$3]++ } !/^#/ { sub(/[{ ].*/, ""); if (h[$0] != 1 && t[$0] != 1) sub(/_(bucket|sum|count)$/, ""); if (h[$0] != 1 || t[$0] != 1) print }')" ''
is 'metrics: every line is one' "$(p metrics | grep -vcE '^# (HELP|TYPE) postern_[a-z_]+ |^postern_[a-z_]+(\{[a-z]+="[^"]*"(,[a-z]+="[^"]*")*\})? [0-9]+(\.[0-9]+)?$')" 0
is 'metrics: failures to sign in have a bounded set of reasons' "$(p metrics | grep -c '^postern_auth_failures_total{reason="auth-[a-z-]*"} 0$')" 4
is 'metrics: limits of the configuration are there before they hit' "$(p metrics | grep -c '^postern_limit_hits_total{limit="[^"]*",then="[a-z]*"} ')" '[1-9]*'
is 'metrics: how long deciding took' "$(p metrics | grep -c '^postern_decision_seconds_bucket{program="policyd",le="')" 16
is 'metrics: and all of that is in its last part' "$(p metrics | sed -n 's/^postern_decision_seconds_\(bucket{program="policyd",le="+Inf"}\|count{program="policyd"}\) //p' | uniq | wc -l)" 1
is 'metrics: the version' "$(p metrics | grep -c '^postern_build_info{version="[0-9][^"]*"} 1$')" 1
is 'metrics: decisions are counted' "$(p metrics | grep -c '^postern_decisions_total{program="policyd",action="pass",reason="allowed"} [1-9]')" 1
is 'metrics: what the journal lost is told, also when it is nothing' "$(p metrics | grep -c '^postern_journal_dropped_total 0$')" 1
is 'metrics: no login is a label' "$(p metrics | grep -c anna)" 0

# ---- the operator's lists ----
is 'allow adds to the file, with who and when' "$(p allow BERT@contoso.example --reason 'until Friday'; tail -n 1 "$T/allow")" "*added $B*$B # allowed 20*Z by *: until Friday"
becomes 'and takes effect by itself' 'submit $B' '250*'
is 'explain names file and line' "$(p explain --user $B)" "*allowed by $T/allow:2*"
is 'deny moves him over' "$(p deny $B; grep -c bert "$T/allow" "$T/deny")" "*added $B*removed $B*allow:0*deny:1*"
becomes 'and that takes effect, too' 'submit $B' '550*'
is 'what is there is not added twice' "$(p deny $B; grep -c bert "$T/deny")" '*has it already*1'
is 'forget takes him out of both' "$(p forget $B; cat "$T/allow" "$T/deny")" "*removed $B*# made by hand*# made by hand"
is 'a domain' "$(p deny @Fabrikam.example --force; p forget @fabrikam.example)" '*added @fabrikam.example*removed @fabrikam.example*'
is 'mode and owner stay' "$(chmod 640 "$T/allow"; chown nobody "$T/allow"; p allow $A >/dev/null; stat -c '%a %U' "$T/allow"; p forget $A >/dev/null)" '640 nobody'
is 'an entry that can be none changes nothing' "$(p allow 'two words' 2>&1; p allow '*' 2>&1; wc -l <"$T/allow")" '*expected an address*1'
(for i in 1 2 3 4 5 6 7 8; do p allow --force "user$i@contoso.example" >/dev/null & done; wait)
is 'a name that nobody has is a typing error' "$(p allow ana@contoso.example 2>&1; echo $?; grep -c ana@ "$T/allow")" '*did you mean anna@contoso.example*--force*1*0'
is 'also in its domain' "$(p deny anna@contosso.example 2>&1; echo $?)" '*did you mean anna@contoso.example*1'
is 'and a domain alone' "$(p deny @contosso.example 2>&1; echo $?)" '*no tenant*did you mean @contoso.example?*1'
is 'to forget what is in no list is one too' "$(p forget $B 2>&1; echo $?)" '*in neither of the two lists*1'
is 'block asks back' "$(p block ana@contoso.example 2>&1; echo $?; p blocks)" '*did you mean anna@contoso.example*1*nobody is blocked'
is 'unless it is meant' "$(p block ana@contoso.example --force; p unblock ana@contoso.example)" 'blocked: * ana@*unblocked*'
is 'log says who is nobody' "$(p log --user ana@contoso.example 2>&1)" '*nobody has the name*did you mean anna@contoso.example*no matching decisions'
is 'and what is no limit' "$(p log --limit message_rate 2>&1)" '*no limit*did you mean message-rate?*'
is 'but a login that was seen is somebody' "$(p log --user $A --limit roaming --since 0s 2>&1)" 'no matching decisions'
is 'eight at the same time are eight' "$(grep -c '^user[1-8]@contoso.example # allowed' "$T/allow")" 8
is 'nothing is left behind' "$(find "$T" -maxdepth 1 -name '.*.new' | wc -l)" 0

# ---- monitor mode and reload ----
sed -i '1i mode = "monitor";' "$T/postern.conf"
is 'reload reaches both services' "$(p reload | grep -c 'reads .*postern.conf again')" 2
for program in policyd milter; do relay_wait relay_reloaded $program 0; done
is 'in monitor mode bert passes' "$(submit $B)" '250*'
would_refuse() { p would-refuse --json | json '.[] | .who + " " + .reason + " " + (.messages > 0 | tostring)'; }
becomes 'and would-refuse tells' would_refuse "$B mailbox-disabled true"
is 'explain says it too' "$(p explain --user $B)" '*Verdict: pass*but for monitor mode: mailbox-disabled*'
echo 'nonsense = 1;' >>"$T/postern.conf"
is 'reload of a mistake is refused, with its line' "$(p reload 2>&1; echo $?)" '*postern.conf:*nonsense*1'
sed -i '$d' "$T/postern.conf"

# ---- rights: what reads works for a group; others are told ----
chmod 750 "$T/lib" && chgrp -R nogroup "$T/lib" && chmod -R g+rX "$T/lib" && chmod 644 "$T/allow" "$T/deny" "$T/postern.conf"
as_group() { setpriv --reuid 65534 --regid "$(getent group nogroup | cut -d: -f3)" --clear-groups "$BUILD/postern" -c "$T/postern.conf" "$@"; }
for command in "explain --user $A" blocks log 'report used' would-refuse metrics; do
    # shellcheck disable=SC2086 # a command and its arguments
    is "the group may ${command%% *}" "$(as_group $command >/dev/null 2>"$T/err"; echo "$? $(grep -i denied "$T/err")")" '0 '
done
is 'but not block: the state is read only to it' "$(as_group block "$A" 2>&1; echo $?)" '*ermission denied*needs root*6'
is 'nor lift what is blocked' "$(as_group unblock "$A" 2>&1; echo $?; p blocks | wc -l)" "*needs root*6
$(p blocks | wc -l)"
is 'others are told what is missing' "$(setpriv --reuid 65533 --regid 65533 --clear-groups "$BUILD/postern" -c "$T/postern.conf" blocks 2>&1; echo $?)" '*ermission denied*6'

# ---- the configuration ----
is 'check says what it means, under headings' "$(p check | sed -n '/^Limits/,/^$/p')" '*Limits*  roaming: at most 6 different clients at once*  message-rate: *'
is 'with its warnings, and how many' "$(p check | sed -n '/^Warnings/,$p')" "*Warnings*  mode: \"monitor\", so *$T/postern.conf: OK, with [1-9] warning*"
is 'as JSON' "$(p check --json | json '(.sections | map(.title) | join(" ")) + " " + .warnings[0].where')" 'Mode * Limits * Files mode'
is '-t is the same' "$(cmp <(p check) <(p -t); echo $?)" 0
is 'and takes no command' "$(p -t status 2>&1; echo $?)" '*too many arguments: postern check*2'
is 'a service says OK in one line' "$("$BUILD/postern-policyd" -t -c "$T/postern.conf"; "$BUILD/postern-milter" -t -c "$T/postern.conf")" "$T/postern.conf: OK
$T/postern.conf: OK"
echo 'nonsense = 1;' >"$T/wrong.conf"
is 'what is wrong is told with its place, by all of them' "$(for say in "$BUILD/postern check" "$BUILD/postern -t" "$BUILD/postern-policyd -t"; do
    # shellcheck disable=SC2086 # a program and its argument
    set -- $say; "$1" -c "$T/wrong.conf" "$2" 2>&1; echo $?; done)" "postern check: $T/wrong.conf:1: nonsense*1*postern check: $T/wrong.conf:1: nonsense*1*postern-policyd: $T/wrong.conf:1: nonsense*1"

# ---- the program itself ----
is 'help fits a screen' "$(p --help | wc -l | awk '{ print ($1 <= 24) }') $(p --help | awk 'length > 80' | wc -l)" '1 0'
is 'every command has help' "$(for c in $(p --help | sed -n 's/^  \([a-z][a-z-]*\)  .*/\1/p'); do p "$c" --help | grep -q "^usage: postern $c" || echo "$c"; done)" ''
is 'and -h, and help COMMAND' "$(for c in $(p help | sed -n 's/^  \([a-z][a-z-]*\)  .*/\1/p'); do [ "$(p "$c" -h)" = "$(p help "$c")" ] || echo "$c"; done)" ''
is 'within 80 columns' "$(for c in $(p help | sed -n 's/^  \([a-z][a-z-]*\)  .*/\1/p'); do p help "$c"; done | awk 'length > 80')" ''
is 'a command that is near' "$(p stauts 2>&1; p chek 2>&1; p help expalin 2>&1; echo $?)" '*did you mean "status"?*did you mean "check"?*did you mean "explain"?*2'
is 'an unknown command' "$(p $'fly\e' 2>&1; echo $?)" '*no command "fly*2'
is 'an unknown option' "$(p blocks --nonsense >/dev/null 2>&1; echo $?)" 2
is 'a full disk is an error' "$(p blocks --csv >/dev/full 2>/dev/null; echo $?)" 1
is 'nothing came out of the sanitizers' "$(cat "$T"/*.log "$T/err" | grep -c 'ERROR: \|runtime error')" 0
exit $status
