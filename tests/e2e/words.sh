#!/bin/bash
# What is said: replies as Exchange Online has them, through a real Postfix; log lines in JSON, in text, and what reads them.
set -u
cd "$(dirname "$0")/../.." || exit 1
. scripts/relay.sh
. tests/e2e/lib.sh

A=anna@contoso.example
make_relay '{ name = "burst"; per = "user"; count = "messages"; rate = "4/d"; burst = 4; }' \
    'sender = { separator = "+"; };
     replies = { limit = "451 4.7.1 {login} at {client} is over limit {limit}; again in {retry}"; };'
sed -i 's/log = { to = "stderr"; }/log = { to = "stderr"; format = "json"; }/' "$T/postern.conf"
p() { "$BIN/postern" -c "$T/postern.conf" "$@"; }

# The reply that each decision of the log would get again, told from the line alone: lines whose reason is another one.
judged_otherwise()
{
    local line n=0
    while read -r line; do
        n=$((n + 1))
        [ "$(p explain --log-line --json <<<"$line" | jq -r 'if .would then .would else .reason end')" = \
            "$(jq -r 'if .would then .would else .reason end' <<<"$line")" ] || echo "$line"
    done < <(jq -c 'select(.event == "decision" and (.action != "pass" or .would))' "$T/policyd.log" "$T/milter.log")
    [ "$n" -ge "$1" ] || echo "only $n decisions were looked at"
}

# Lines that are no sample of a metric with HELP and TYPE in front (text format 0.0.4).
metrics_problems()
{
    awk '/^# HELP / { help[$3] = 1; next }
         /^# TYPE / { if (!help[$3]) print "no HELP: " $0; type[$3] = 1; next }
         { name = $1; sub(/[{].*/, "", name); n++ }
         !type[name] { sub(/_(bucket|sum|count)$/, "", name) }
         !type[name] { print "no TYPE: " $0 }
         !/^[a-z_]+([{][a-z_]+="([^"\\]|\\.)*"(,[a-z_]+="([^"\\]|\\.)*")*[}])? -?[0-9]+([.][0-9]+)?$/ { print "no sample: " $0 }
         END { if (n < 10) print n + 0 " samples" }'
}

relay_start both || exit 1
is 'a mailbox that is disabled is refused in the words of Exchange Online' "$(submit bert@contoso.example)" \
    '550*5.7.139 Authentication unsuccessful, SmtpClientAuthentication is disabled for the Mailbox.*'
is 'a From that cannot be read is refused' "$(submit $A --header 'From: boss:;')" '550*5.6.0*'
is 'a foreign From is refused' "$(submit $A --header 'From: Boss <boss@contoso.example>')" '550*5.7.60*'
is 'and a foreign Sender' "$(submit $A --add-header 'Sender: www-data@web1.contoso.example')" '550*5.7.60*'
is 'a foreign sender is refused' "$(submit $A --from 'bounce+guest=adatum.example@contoso.example')" '550*5.7.60*'
is 'four messages pass' "$(for _ in 1 2 3 4; do submit $A; done | grep -c '^250')" 4
is 'a reply names login, client, limit and when to try again' "$(submit $A)" \
    '451*4.7.1*anna@contoso.example at 127.0.0.1 is over limit burst; again in [56]h*'

becomes 'each line of the log is a JSON object with its time' \
    'cat "$T/policyd.log" "$T/milter.log" | jq -e -s "map(has(\"time\") and has(\"level\") and .program) | all and length > 8"' true
is 'a line says which field is at fault, why, and what stands in it' \
    "$(jq -r 'select(.reason == "from-bad" or .reason == "from-not-own") | [.field, .fault, .header] | @csv' "$T/milter.log" | sort | tr '\n' ' ')" \
    '"From","no address", "From","not permitted","boss@contoso.example" "Sender","not permitted","www-data@web1.contoso.example" '
is 'explain reaches the same verdict from each line' "$(judged_otherwise 6)" ''
becomes 'the journal says it, too' 'p log --json --reason from-not-own | jq -r "map(.field + \" \" + .header) | join(\", \")"' \
    'From boss@contoso.example, Sender www-data@web1.contoso.example'

sed -i 's/format = "json"/format = "text"/; s/limits = .*/limits = ();/' "$T/postern.conf"
echo 'mode = "monitor";' >>"$T/postern.conf"
relay_reload policyd milter
is 'in monitor mode another sender passes' "$(submit $A --from 'bounce+guest=adatum.example@contoso.example')" '250*'
becomes 'and is found in the log as it was sent' 'grep -c "sender=\"bounce+guest=adatum.example@contoso.example\"" "$T/milter.log"' '[1-9]'
is 'in monitor mode all is let through' "$(submit bert@contoso.example --to a@adatum.example,b@adatum.example,c@adatum.example)
$(submit $A --add-header 'Sender: www-data@web1.contoso.example')" '250*250*'
would_refuse() { p would-refuse --json | jq -r 'map([.reason, .what, (.messages | tostring)] | join(" ")) | sort | join(", ")'; }
becomes 'would-refuse counts messages, and says what was wrong with them' would_refuse \
    'from-not-own Sender: www-data@web1.contoso.example (not permitted) 1, mailbox-disabled  1, sender-not-own sender bounce+guest=adatum.example@contoso.example 1'
is 'metrics are what Prometheus reads' "$(p metrics | metrics_problems)" ''
[ -z "${PROMTOOL:-}" ] || is 'and promtool finds nothing' "$(p metrics | "$PROMTOOL" check metrics 2>&1)" ''

# 421 ends the connection, as the reply to an old TLS does, from both front ends.
sed -i '/^mode/d' "$T/postern.conf"
sed -i 's/replies = {.*/replies = { mailbox-disabled = "421 4.7.66 {client} must go"; from-not-own = "421 4.7.66 {client} must go"; };/' "$T/postern.conf"
relay_reload policyd milter
for by in bert@contoso.example "$A --header From:boss@contoso.example"; do
    # shellcheck disable=SC2086 # words
    is "a reply of 421 closes ($by)" "$(submit $by; grep -c 'Remote host closed' "$T/transcript")" '421 4.7.66 127.0.0.1 must go*1'
done
is 'nothing came out of the sanitizers' "$(cat "$T"/*.log | grep -c 'ERROR: \|runtime error')" 0
exit $status
