#!/bin/bash
# postern-web's interface for programs, over a real relay: the same as the command line says, in pages, as streams and as events, with
# the nastiest logins in it. TAP lines. BUILD=... for another build directory than build/asan.
set -u
cd "$(dirname "$0")/../.." || exit 1
. scripts/relay.sh
. tests/e2e/lib.sh
BUILD=${BUILD:-build/asan}
A=anna@contoso.example
B=bert@contoso.example
relay_pids=
make_relay '{ name = "message-rate"; per = "user"; count = "messages"; rate = "3/d"; burst = 3; },
            { name = "watched"; per = "user"; count = "messages"; rate = "1/d"; burst = 1; then = "monitor"; }' \
    'connectors = ( { name = "printers"; networks = ["127.20.0.0/16"]; tls = { required = false; }; } );
     web = { listen = "unix:'"${TMPDIR:-/tmp}"'/postern-web-api.'$$'/web.sock"; };'
W=${TMPDIR:-/tmp}/postern-web-api.$$
web=
finish() { [ -z "$web" ] || { kill "$web"; wait "$web"; } 2>/dev/null; rm -rf "$W"; relay_stop; }
trap finish EXIT
p() { "$BUILD/postern" -c "$T/postern.conf" "$@"; }
json() { jq -r "$1" 2>&1; }
relay_start both || exit 1

# The program's user is of a group that reads, as the packages have it.
group=$(getent group nogroup | cut -d: -f3)
mkdir "$W" && chmod 755 "$W" && chown 65534 "$W"
chmod 755 "$T" && chmod 750 "$T/lib" && chgrp -R nogroup "$T/lib" && chmod -R g+rX "$T/lib" && chmod 644 "$T/postern.conf"
start_web()
{
    setpriv --reuid 65534 --regid "$group" --clear-groups "$BUILD/postern-web" -c "$T/postern.conf" >>"$T/web.log" 2>&1 &
    web=$!
    relay_wait relay_listens_at "$W/web.sock"
}
token=$(p web-user token test --role reader --expires 1d 2>/dev/null) && chgrp nogroup "$T/web-users"
authorization="Authorization: Bearer $token"
start_web || exit 1
# get PATH [OPTION...]: the body; code PATH: the status.
get() { local path=$1; shift; curl -sS -H "$authorization" --max-time 100 --unix-socket "$W/web.sock" "$@" "http://localhost$path" 2>&1; }
code() { get "$1" -o /dev/null -w '%{http_code}' "${@:2}"; }
data() { get "/api/v1/$1" | json "$2"; }

is 'as a member of the group it opens all' "$(data status '.data.directory.state + " " + (.data.counters.live | tostring)')" 'read *'
is 'a message passes' "$(submit $A)" '250*'
is 'and one is refused' "$(submit $B)" '5*'

# ---- the same as the command line ----
becomes 'status has the verdicts' 'data status ".data.verdicts | map(.reason) | contains([\"allowed\", \"mailbox-disabled\"])"' true
# What differs by the moment, and what needs processes, is left out.
plain() { jq -S "$1" | sed 's/as of [0-9a-z]* ago/as of then/; s/"\(until\|free_at\|empty_at\)": ".*"/"\1": "then"/; s/"retry_s": [0-9]*/"retry_s": 0/'; }
same() { diff <(get "/api/v1/$1" | plain "$3") <(eval "p $2 --json 2>/dev/null" | plain "${4:-.}") >"$T/diff" 2>&1 && echo same || head -n 10 "$T/diff"; }
becomes 'status is that of the command line' \
    "same status status '.data | del(.services, .listeners, .counters, .habits)' 'del(.services, .listeners, .counters, .habits)'" same
is 'the configuration too' "$(same config check '.data')" same
is 'and explain' "$(same "explain?user=$B&client=192.0.2.1&recipient=x@adatum.example" "explain --user $B --client 192.0.2.1 --recipient x@adatum.example" '.data')" same
line=$(grep -h "event=decision.*login=$B" "$T"/*.log | tail -n 1)
is 'a line of the log is explained' "$(get /api/v1/explain -G --data-urlencode "line=$line" | json .data.reason)" mailbox-disabled
is 'explain charges nothing' "$(for _ in 1 2 3 4 5; do data "explain?user=$A" '.data.limits[] | select(.limit == "message-rate").used'; done | sort -u)" 1
is 'it says how far a limit is used, and until when' "$(data "explain?user=$A" '.data.limits[] | select(.limit == "message-rate") | "\(.used) \(.most) \(.free_at) \(.empty_at)"')" '1 3 null 20*Z'
kinds=$(sed -n 's/^        COMPREPLY=($(compgen -W "\(enabled .*\) --days.*/\1/p' conf/completion/postern.bash)
is 'each kind of report is listed' "$(data reports '.data | map(.name) | join(" ")')" "$kinds would-refuse"
# lines KIND OPTION FORMAT: a file of it, and what the command line prints.
lines() { diff <(get "/api/v1/reports/$1?format=$3&force=yes" | tr -d '\r') <(p report "$1" "$2" --force 2>/dev/null | tr -d '\r') >"$T/diff" 2>&1 && echo same || head -n 10 "$T/diff"; }
for kind in $kinds; do
    becomes "report $kind" "same reports/$kind 'report $kind' .data" same
    becomes "report $kind as CSV, with all its columns" "lines $kind --csv csv" same
    for column in $(p report "$kind" --csv 2>/dev/null | head -n 1 | tr -d '\r' | tr , ' '); do
        grep -qE "^    '?${column//./\\.}'?: '" web/assets/text.js || echo "$kind $column"
    done
done >"$T/reports"
grep -E '^(not )?ok |^    ' "$T/reports"
! grep -q '^not ok' "$T/reports" || status=1
is 'each column has a title on the page' "$(grep -vE '^(not )?ok |^    ' "$T/reports" | tr '\n' ' ')" ''
for kind in $(data reports '.data[] | select(.script).name'); do
    becomes "report $kind as a script" "lines $kind --powershell powershell" same
done
is 'a script is there for those that the command line has one of' "$(data reports '.data | map(select(.script).name) | join(" ")')" 'enabled disabled inherited used unused'
is 'without usage for that long there is none of the unused' "$(code '/api/v1/reports/unused?format=powershell')" 503
is 'audit' "$(same audit audit '.data | del(.findings)' 'del(.findings)')" same
becomes 'what monitor mode lets pass is there, too' 'submit cleo@contoso.example >/dev/null; data reports/would-refuse ".data[0].reason"' limit

# ---- pages of rows ----
is 'rows come in pages' "$(data 'reports/enabled?rows=1' '"\(.data | length) \(.next)"')" '1 1'
is 'the next one begins where it ended' "$(data 'reports/enabled?rows=1&after=1' '"\(.data[0].mailbox) \(.next)"')" 'cleo@contoso.example null'
is 'all pages are the whole' "$(for after in 1 2 3; do data "log?rows=1&after=$after" '.data[0].time'; done | wc -l)" 3
is 'the log has the newest first' "$(data 'log?user='$B '.data | map(.login) | unique | join(" ")')" $B
is 'by verdict' "$(data 'log?verdict=refused' '.data | map(.verdict) | unique | map(select(. == "pass")) | length')" 0
is 'what is no number of rows is told' "$(code '/api/v1/log?rows=0') $(code '/api/v1/log?rows=1001') $(code '/api/v1/log?rows=x') $(code '/api/v1/log?after=-1')" '400 400 400 400'
is 'a name that is none is told' "$(get '/api/v1/log?usr=anna')" '*usr: there is no such name in a query here*'
is 'one that came twice, too' "$(get '/api/v1/log?rows=1&rows=2')" '*rows: it came twice*'
is 'of what does not add up, none is left out in silence' "$(for one in user=a client=192.0.2.1 reason=allowed limit=a stage=end since=1h; do get "/api/v1/log?$one&$one" | json .error | sed 's/: it came twice//'; done | tr '\n' ' ') $(code '/api/v1/log?verdict=pass&verdict=hold')" 'user client reason limit stage since  200'
is 'a time that is none is told, and where' "$(for path in log changes runs blocks/ended reports/would-refuse; do get "/api/v1/$path?since=yesterday" | json .error | sed 's/ is not.*//'; done | sort -u)" 'since: "yesterday"'
is 'what is refused is told in one form' "$(for path in nonsense reports/nonsense blocks/nonsense login 'log?x=1' 'log?format=x'; do get "/api/v1/$path" | json '.error | type'; done | sort -u)" string
is 'and text that is not encoded' "$(code '/api/v1/log?user=%zz') $(code '/api/v1/log?user=%00') $(code '/api/v1/log?user')" '400 400 400'
is 'a report that is none is not found' "$(code /api/v1/reports/nonsense) $(code /api/v1/reports/a/b) $(code /api/v1/)" '404 400 404'
is 'there is nothing to change' "$(code /api/v1/blocks -d x)" 405

# ---- mailboxes ----
is 'a mailbox is found by the beginning of its address' "$(data 'mailboxes?q=ANN' '.data | map(.mailbox) | join(" ")')" $A
is 'by a part only when that is long enough' "$(data 'mailboxes?q=nna' '.data | length') $(data 'mailboxes?q=nna@' '.data | length')" '0 1'
is 'all of them in pages' "$(data 'mailboxes?q=contoso&rows=2' '"\(.data | length) \(.next | type)"') $(data "mailboxes?q=contoso&rows=2&after=$(data 'mailboxes?q=contoso&rows=2' .next)" '"\(.data | length) \(.next)"')" '2 string 1 null'
is 'nothing to look for is told' "$(code /api/v1/mailboxes) $(code '/api/v1/mailboxes?q=') $(code "/api/v1/mailboxes?q=$(printf 'a%.0s' $(seq 129))")" '400 400 400'
is 'a mailbox has its setting, and why' "$(data mailboxes/$B '.data | "\(.setting) \(.basic.reason) \(.oauth.reason) \(.basic.steps | length > 3)"')" 'disabled mailbox-disabled mailbox-disabled true'
becomes 'its use' "data mailboxes/$A '.data.usage | \"\(.messages) \(.clients[0].client)\"'" '1 127.0.0.1'
is 'and by its Guid it is the same' "$(data mailboxes/0a7d6d2c-0001-4b7e-9d55-000000000001 .data.mailbox)" $A
is 'a login without a mailbox is not known' "$(data mailboxes/nobody@contoso.example '"\(.data.known) \(.data.basic.reason)"')" 'false unlisted'
is 'connectors have what they may' "$(data connectors '.data[0] | "\(.name) \(.networks[0]) \(.verdict.reason)"')" 'printers 127.20.0.0/16 connector'

# ---- blocks, as they come and go ----
(timeout 300 curl -sSN -H "$authorization" --unix-socket "$W/web.sock" http://localhost/events >"$T/events" 2>&1) &
events=$!
becomes 'events begin at once' 'head -n 1 "$T/events"' 'retry: 5000'
p block $B --for 1h --reason 'stolen <b>password</b>' >/dev/null
becomes 'a block is an event' "grep '^data: ' '$T/events' | sed 's/^data: //' | jq -r '.blocks[]?.subject' | sort -u" "user $B"
submit $A >/dev/null
becomes 'and a decision' "grep '^data: ' '$T/events' | sed 's/^data: //' | jq -r '.decisions[]? | select(.login == \"$A\") | .verdict' | sort -u" pass
becomes 'blocks have who, until when, why' 'data blocks ".data[0] | \"\(.subject) \(.limit) \(.reason)\""' "user $B operator *stolen <b>password</b>*"
is 'and are those of the command line' "$(same blocks blocks .data)" same
is 'the mailbox says so, too' "$(data mailboxes/$B '.data | "\(.blocks[0].subject) \(.basic.reason)"')" "user $B blocked"
p unblock $B >/dev/null
becomes 'lifted, it is gone' 'data blocks ".data | length"' 0
becomes 'and that is an event' "tail -n 5 '$T/events' | sed -n 's/^data: //p' | jq -r 'select(.blocked == 0).blocked' | tail -n 1" 0
is 'the last hour has what was decided' "$(data rates '.data | [(.actions.pass | add > 0), (.actions.reject | add > 0), (.actions.pass | length), .step_s] | map(tostring) | join(" ")')" 'true true 720 5'
is 'by reason' "$(data rates '.data.reasons["mailbox-disabled"] | add > 0')" true
is 'the overview has all of it' "$(data overview '.data | "\(.monitor) \(.monitored[0].name) \(.rates.step_s) \(.status.top_logins | length > 0) \(.status.top_limits | type)"')" "false watched 5 true array"

# Sixty-four look on, and no more; when they leave, others may.
other="Authorization: Bearer $(p web-user token other --role reader --expires 1d 2>/dev/null)"
python3 - "$W/web.sock" "$authorization" "$other" >"$T/crowd" 2>&1 <<'END'
import socket, sys, time
def look(authorization=sys.argv[2]):
    s = socket.socket(socket.AF_UNIX)
    s.connect(sys.argv[1])
    s.sendall(b"GET /events HTTP/1.1\r\nHost: localhost\r\n%s\r\n\r\n" % authorization.encode())
    return s, s.recv(4096).split(b" ")[1].decode()
crowd = [look() for _ in range(63)]
print({status for _, status in crowd}, look()[1])
other = look(sys.argv[3])
print("another:", other[1])
for s, _ in crowd:
    s.close()
end = time.time() + 180
while (status := look()[1]) != "200" and time.time() < end:
    time.sleep(0.2)
print(status)
END
is 'so many look on, and no more, until somebody leaves' "$(cat "$T/crowd")" "{'200'} 503*another: 200*200"
wait $events
is 'the oldest of who had most gave way to another' $? 0

# ---- hostile logins ----
python3 - "$T/run/policyd.sock" tests/data/hostile_logins <<'END'
import json, socket, sys
for number, line in enumerate(open(sys.argv[2])):
    login = json.loads(line).encode("utf-8", "surrogatepass")
    # What ends a line of the protocol can't be sent in it.
    login = login.replace(b"\n", b" ").replace(b"\0", b" ")[:1000]
    s = socket.socket(socket.AF_UNIX)
    s.connect(sys.argv[1])
    for name in (login, login + b"@contoso.example"):
        s.sendall(b"request=smtpd_access_policy\nprotocol_state=RCPT\nsasl_method=PLAIN\nsasl_username=" + name +
                  b"\nsender=" + name + b"\nrecipient=" + name + b"\nclient_address=203.0.113.9\ninstance=h%d.1\n\n" % number)
        s.recv(4096)
END
hostile=$(wc -l <tests/data/hostile_logins)
becomes 'the nastiest logins are in the log' 'data "log?rows=1000&client=203.0.113.9" ".data | length > '"$hostile"'"' true
for path in overview status blocks rates log?rows=1000 reports/refused?rows=1000 'reports/used' reports/habits audit config connectors changes; do
    is "it is JSON, in printable ASCII, with them: $path" "$(get "/api/v1/$path" >"$T/body"; jq -e .data <"$T/body" >/dev/null && LC_ALL=C grep -c '[^ -~]' <"$T/body")" 0
done
is 'each can be asked for, and none breaks anything' "$(python3 - "$W/web.sock" tests/data/hostile_logins "$authorization" <<'END'
import json, socket, sys, urllib.parse
def get(path):
    s = socket.socket(socket.AF_UNIX)
    s.connect(sys.argv[1])
    s.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n{sys.argv[3]}\r\nConnection: close\r\n\r\n".encode())
    got = b""
    while part := s.recv(65536):
        got += part
    head, _, body = got.partition(b"\r\n\r\n")
    return int(head.split(b" ")[1]), body
wrong = 0
for line in open(sys.argv[2]):
    text = urllib.parse.quote(json.loads(line).encode("utf-8", "surrogatepass")[:600], safe="")
    for path in ("mailboxes/" + text, "mailboxes?q=" + text, "explain?user=" + text, "explain?line=" + text, "log?user=" + text,
                 "reports/" + text, "changes?user=" + text):
        status, body = get("/api/v1/" + path)
        if body.startswith(b"{"):
            json.loads(body)
        # What is no target, and no page, is refused before anybody looks into it.
        if status not in (200, 400, 404) or not body.startswith((b'{"data": ', b'{"error": ', b"400 Bad Request", b"there is no")):
            print(path, status, body[:200])
            wrong += 1
        wrong += any(not 32 <= c < 127 and c != 10 for c in body)
print(wrong)
END
)" 0

# ---- streams ----
get '/api/v1/reports/refused?format=csv' >"$T/refused.csv"
is 'a report as CSV is that of the command line' "$(diff <(p report refused --csv 2>/dev/null) "$T/refused.csv" >/dev/null && echo same)" same
is 'no cell is a formula' "$(python3 -c '
import csv, sys
print(sum(cell[:1] in ("=", "+", "-", "@", "\t", "\r") and cell != "-" for row in csv.reader(open(sys.argv[1], newline="")) for cell in row))' "$T/refused.csv")" 0
is 'as JSON' "$(get '/api/v1/log?format=json' | jq -r 'length > 400')" true
is 'as a script' "$(get '/api/v1/reports/enabled?format=powershell' | grep -c "^Set-CASMailbox -Identity 'anna@contoso.example'")" 1
is 'for a file with a name of ours' "$(get '/api/v1/reports/used?format=csv' -D - -o /dev/null | grep -i '^content-disposition' | tr -d '\r')" 'Content-Disposition: attachment; filename="postern-used.csv"'
is 'with notes beside it' "$(get '/api/v1/reports/unused?format=csv' -D - -o /dev/null | grep -ci '^postern-note: .')" '[1-9]*'
is 'what is no format is told' "$(code '/api/v1/reports/used?format=pdf') $(code '/api/v1/reports/refused?format=powershell') $(code '/api/v1/reports/none?format=csv') $(code '/api/v1/reports/used?format=csv&x=y')" '400 400 404 400'
is 'a name that is none is told before the first row of many' "$(code '/api/v1/log?format=csv&usr=anna')" 400
is 'HEAD of it has no body' "$(get '/api/v1/reports/used?format=csv' -I | tail -n +2 | grep -c mailbox)" 0

# Who leaves in the middle holds nobody up.
python3 - "$W/web.sock" "$authorization" <<'END'
import socket, sys
for path in ["/api/v1/log?format=json", "/api/v1/reports/refused?format=csv", "/api/v1/log?rows=1000", "/events"] * 8:
    s = socket.socket(socket.AF_UNIX)
    s.connect(sys.argv[1])
    s.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n{sys.argv[2]}\r\n\r\n".encode())
    if path != "/events":
        s.recv(64)
    s.close()
END
becomes 'after many who left, all rows are there' "get '/api/v1/log?format=json' | jq -r 'length > 400'" true

# ---- the files change ----
sed -i 's/rate = "3\/d"; burst = 3/rate = "9\/d"; burst = 9/' "$T/postern.conf"
becomes 'a new configuration is followed' "data 'explain?user=$A' '.data.limits[] | select(.limit == \"message-rate\").most'" 9
echo 'nonsense = 1;' >>"$T/postern.conf"
becomes 'a wrong one is told, and the one before goes on' 'data status ".data.config_problem"' '*nonsense*'
is 'so that all else is still there' "$(data "explain?user=$A" '.data.limits[] | select(.limit == "message-rate").most')" 9
sed -i '$d' "$T/postern.conf"
sed -i 's/^connectors = /smtp_auth = { deny_file = "deny"; }; &/' "$T/postern.conf"
echo '# by hand' >"$T/deny" && chmod 644 "$T/deny"
becomes 'a list that it names is read' "data 'explain?user=$A' .data.reason" allowed
echo "$A" >>"$T/deny"
becomes 'and followed' "data 'explain?user=$A' .data.reason" deny-file
is 'a mailbox that is in it says so' "$(data mailboxes/$A .data.listed) $(data mailboxes/$B .data.listed)" 'denied null'
sed -i '$d' "$T/deny"
is 'its setting cannot be changed from here' "$(data mailboxes/$A .data.writeback)" false
becomes 'and no longer when it is out' "data mailboxes/$A .data.listed" null
echo "$A" >>"$T/deny"
kill -USR1 "$web"
becomes 'a reload reads it, too' "data 'explain?user=$A' .data.reason" deny-file
sed -i '1i tenants = ( { name = "contoso"; exchange = { tenant_id = "8f3a1c52-0000-4000-8000-000000000001"; application = "8f3a1c52-0000-4000-8000-000000000002"; secret_file = "secret"; writeback = true; }; } );' "$T/postern.conf"
becomes 'where the configuration lets it, it can' "data mailboxes/$A .data.writeback" true
printf '%s\n' '"Guid","PrimarySmtpAddress","OWAEnabled","SmtpClientAuthenticationDisabled"' \
    '"0a7d6d2c-0001-4b7e-9d55-000000000001","anna@contoso.example","True","True"' \
    '"0a7d6d2c-0001-4b7e-9d55-000000000002","bert@contoso.example","True","True"' \
    '"0a7d6d2c-0001-4b7e-9d55-000000000003","cleo@contoso.example","True","False"' >"$T/lib/cas.csv"
relay_import --tenant contoso --force "$T/lib/cas.csv" >>"$T/mirror.log" 2>&1
chgrp -R nogroup "$T/lib" && chmod -R g+rX "$T/lib"
becomes 'a new generation, too' "data mailboxes/$A .data.setting" disabled
is 'and the run that did it' "$(data runs '.data[0] | "\(.tenant) \(.how) \(.changes > 0)"')" 'contoso import true'
becomes 'with what changed' 'data changes ".data | map(select(.setting == \"smtp-auth\" or .setting == \"SmtpClientAuthenticationDisabled\")) | length > 0"' true

# The services go on with what they have; who starts now finds nothing.
kill "$web"; wait "$web"
is 'it ends well' $? 0
mv "$T/lib/directory/current" "$T/lib/current"
start_web
becomes 'that the services use another generation is told, once that lasts' 'data status "\"\(.data.directory.state) \(.data.directory.in_use)\""' 'none false'
is 'and in notes' "$(data blocks '.notes[0]')" '*the services use generation 2 of the directory*'
mv "$T/lib/current" "$T/lib/directory/current"
becomes 'when it is there again, they agree' 'data status .data.directory.in_use' true
kill "$web"; wait "$web"
web=
is 'nothing came out of the sanitizers' "$(cat "$T"/*.log | grep -c 'ERROR: \|runtime error')" 0
exit $status
