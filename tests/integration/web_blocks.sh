#!/bin/bash
# Blocks that ended, on the command line and in postern-web: when, how and by whom, and what was seen of them. TAP lines.
# BUILD: the folder with programs.
set -u
cd "$(dirname "$0")/../.." || exit 1
. tests/integration/web_lib.sh
cat >"$T/postern.conf" <<END
directory = "$T/lib/directory"; state = { file = "$T/lib/state"; entries = 1024; }; journal = "$T/lib/journal";
spool = "$T/lib/spool"; log = { to = "stderr"; }; preset = "none"; tls = { required = false; };
limits = ( { name = "quick"; per = "user"; count = "messages"; rate = "1/d"; burst = 1; then = "block 3s"; } );
policyd = { listen = "unix:$T/run/policyd.sock"; }; milter = { listen = ""; };
web = { listen = { address = "unix:$T/run/web.sock"; mode = "0600"; }; };
END
A=anna@contoso.example
printf '%s\n' '"Guid","PrimarySmtpAddress","SmtpClientAuthenticationDisabled"' \
    '"0a7d6d2c-0001-4b7e-9d55-000000000001","anna@contoso.example","False"' \
    '"0a7d6d2c-0001-4b7e-9d55-000000000002","bert@contoso.example","False"' >"$T/cas.csv"
p() { "$build/postern" -c "$T/postern.conf" "$@"; }
"$build/postern-mirror" import -c "$T/postern.conf" --tenant contoso "$T/cas.csv" >"$T/mirror.log" 2>&1 || { cat "$T/mirror.log"; exit 1; }
token=$(p web-user token test --role reader --expires 1d 2>/dev/null)
bound=$(p web-user token bound --role reader --expires 1d --tenants contoso 2>/dev/null)
start policyd && start web || { cat "$T"/*.log; exit 1; }
get() { curl -sS --max-time 100 -H "Authorization: Bearer ${2:-$token}" --unix-socket "$T/run/web.sock" "http://localhost/api/v1/$1" 2>&1; }
ended() { get "blocks/ended$1" | jq -r "$2" 2>&1; }
row() { ended '' ".data[] | select(.subject == \"$1\") | \"\(.how) by \(.by) why \(.why) limit \(.limit)\""; }

becomes 'none has ended at first' 'ended "" ".data | length"' 0
is 'people are told so' "$(p blocks --ended)" 'no block has ended'

# One that an operator makes and lifts again.
p block $A --for 1h --reason 'password in a leak' >/dev/null
is 'it is lifted with a reason' "$(p unblock $A --reason 'it was <b>the owner</b>' 2>&1)" 'unblocked: user anna*'
becomes 'then it is told when, how, by whom and why' 'row "user $A"'  "lifted by $(id -un) why it was <b>the owner</b> limit operator"
is 'people read it, too' "$(p blocks --ended | tr -s ' \n' ' ')" "*user $A*ended 20*, lifted by $(id -un): it was <b>the owner</b>*by operator ($(id -un): password in a leak)*"
is 'it ended after it began, and before it would have' "$(ended '' '.data[0] | (.since <= .ended and .ended < .until)')" true
is 'lifting it twice makes no second row' "$(p unblock $A >/dev/null 2>&1; ended '' '.data | length')" 1

# One that a limit makes, and that expires.
# submit LOGIN: a message, as Postfix tells of it.
submit()
{
    python3 - "$T/run/policyd.sock" "$1" <<'END'
import os, socket, sys
s = socket.socket(socket.AF_UNIX)
s.connect(sys.argv[1])
replies = s.makefile("rb")
for state in ("RCPT", "END-OF-MESSAGE"):
    s.sendall(f"""request=smtpd_access_policy
protocol_state={state}
protocol_name=ESMTP
instance={os.getpid()}.1
client_address=192.0.2.9
sasl_method=PLAIN
sasl_username={sys.argv[2]}
sender={sys.argv[2]}
recipient=guest@adatum.example
recipient_count=1
size=100

""".encode())
    print(replies.readline().decode().strip())
    replies.readline()
END
}
is 'a message passes' "$(submit bert@contoso.example)" '*DUNNO*'
is 'the next one is blocked' "$(submit bert@contoso.example)" '*[45][0-9][0-9]*'
becomes 'by itself it expires' 'row "user bert@contoso.example"' 'expired by null why null limit quick'
becomes 'with what was seen of it' "ended '' '.data[] | select(.limit == \"quick\") | \"\(.refused_before + .refused_since > 0) \(.clients) \(.senders)\"'" 'true 192.0.2.9 bert@contoso.example'

# One that is gone without anybody's word: as another relay of a cluster lifts it.
p block client 198.51.100.7 --for 1h >/dev/null
sleep 2
becomes 'while it stands it has not ended' 'row "client 198.51.100.7"' ''
kill -9 "$policyd"; wait "$policyd" 2>/dev/null
rm "$T/lib/state" "$T/run/policyd.sock"
start policyd
becomes 'one that was lost is told as gone' 'row "client 198.51.100.7"' 'gone by null *'

# The command line and the interface say the same.
same() { diff <(ended '' .data | jq -S) <(p blocks --ended --json 2>/dev/null | jq -S) >"$T/diff" && echo same || head -n 20 "$T/diff"; }
becomes 'the command line and the interface have the same rows' same same
is 'the newest end comes first' "$(ended '' '.data | map(.ended) | . == (sort | reverse)')" true
is 'in pages' "$(ended '?rows=1' '"\(.data | length) \(.next)"') $(ended '?rows=1&after=2' '"\(.data | length) \(.next)"')" '1 1 1 null'
is 'since a time' "$(ended '?since=2099-01-01' '.data | length') $(ended '?since=1h' '.data | length')" '0 3'
is 'what is no time is told' "$(ended '?since=xyz' .error)" 'since: *'
is 'as CSV' "$(get 'blocks/ended?format=csv' | head -n 1 | tr -d '\r')" 'subject,since,until,ended,how,by,why,limit,reason,*'
is 'who is bound to tenants gets what is of these' "$(get blocks/ended "$bound" | jq -rc '[.data[] | "\(.subject) \(.tenant)"] | unique')" '*"user anna@contoso.example contoso","user bert@contoso.example contoso"*'
is 'and nothing else' "$(get blocks/ended "$bound" | jq -r '[.data[].tenant] | unique | join(" ")')" contoso
is 'the newest N' "$(p blocks --ended --lines 1 --json | jq length)" 1
is 'what is no number is told' "$(p blocks --ended --lines 0 2>&1; echo $?)" '*number from 1*2'
is 'and what belongs to --ended' "$(p blocks --since 1h 2>&1; echo $?)" '*for --ended*2'

# The journal cannot be written: the block is lifted all the same, and that is said.
p block $A --for 1h >/dev/null
kill "$policyd"; wait "$policyd" 2>/dev/null
mv "$T/lib/journal/journal.sqlite" "$T/aside.sqlite" && rm -f "$T"/lib/journal/journal.sqlite-* && mkdir "$T/lib/journal/journal.sqlite"
is 'a journal that cannot be written hinders nobody' "$(p unblock $A 2>&1; echo $?)" '*could not be written down*unblocked: user anna*0'
exit "$status"
