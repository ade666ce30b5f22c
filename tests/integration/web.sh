#!/bin/bash
# postern-web with curl and with raw bytes: health, readiness and metrics, by which names, and what ends it. TAP lines.
# BUILD: the folder with programs.
set -u
cd "$(dirname "$0")/../.." || exit 1
. tests/integration/web_lib.sh
cat >"$T/postern.conf" <<END
directory = "$T/lib/directory"; state = { file = "$T/lib/state"; entries = 1024; }; journal = "$T/lib/journal";
spool = "$T/lib/spool"; log = { to = "stderr"; }; preset = "none";
tenants = ( { name = "contoso"; domains = ["contoso.example"]; } );
connectors = ( { name = "printers"; networks = ["192.0.2.0/24"]; } );
policyd = { listen = "unix:$T/run/policyd.sock"; }; milter = { listen = ""; };
web = { listen = { address = "unix:$T/run/web.sock"; mode = "0600"; }; hosts = ["relay.contoso.example"]; };
END
token=$("$build/postern" -c "$T/postern.conf" web-user token test --role admin --expires 1d 2>/dev/null)
# ask PATH [OPTION...]: status and Content-Type, then the body.
ask() { local path=$1; shift; curl -sS --max-time 100 -H "Authorization: Bearer $token" --unix-socket "$T/run/web.sock" -w '\n%{http_code} %{content_type}\n' "$@" "http://localhost$path" 2>&1; }
code() { ask "$@" | tail -n 1 | cut -d ' ' -f 1; }
# raw BYTES: the first line of what comes back.
raw() { printf %b "$1" | timeout 100 python3 -c '
import socket, sys
s = socket.socket(socket.AF_UNIX)
s.connect(sys.argv[1])
s.sendall(sys.stdin.buffer.read())
got = b""
while part := s.recv(65536):
    got += part
print(got.split(b"\r\n")[0].decode())' "$T/run/web.sock"; }

start web || { cat "$T/web.log"; exit 1; }
is 'the socket has its mode' "$(stat -c %a "$T/run/web.sock")" 600
is 'it lives' "$(ask /healthz)" '{"alive":true}*200 application/json'
is 'without policy server and directory it is not ready, and says no more' "$(ask /readyz)" '{"ready":false}*503 application/json'
is 'metrics say what runs not' "$(ask /metrics | grep '^postern_listener_up')" 'postern_listener_up{program="postern-policyd",address="*policyd.sock"} 0'

printf '%s\n' '"Guid","PrimarySmtpAddress","DisplayName","SmtpClientAuthenticationDisabled"' \
    '"0a7d6d2c-0001-4b7e-9d55-000000000001","anna@contoso.example","Anna Berg","False"' >"$T/cas.csv"
"$build/postern-mirror" import -c "$T/postern.conf" --tenant contoso "$T/cas.csv" >"$T/mirror.log" 2>&1 || { cat "$T/mirror.log"; exit 1; }
start policyd || { cat "$T/policyd.log"; exit 1; }
becomes 'with both it is ready' 'ask /readyz' '{"ready":true}*200 application/json'
is 'the policy server says that it runs, though processes are not looked at' "$(ask /metrics | grep '^postern_up')" 'postern_up{program="postern-policyd"} 1'
becomes 'and metrics have the directory' 'ask /metrics | grep -c "^postern_directory_mailboxes{tenant=\"contoso\"} 1$"' 1

# The pages for people. fields PATH [OPTION...]: the header's fields, without CR.
fields() { local path=$1; shift; curl -sS -D - -o /dev/null --max-time 100 --unix-socket "$T/run/web.sock" "$@" "http://localhost$path" 2>&1 | tr -d '\r'; }
shell=$(curl -sS --compressed --unix-socket "$T/run/web.sock" http://localhost/)
assets=$(printf '%s' "$shell" | grep -o '/assets/[0-9a-f]*/[a-z.]*')
is 'the shell has a script and a style sheet, and nothing inline' "$(printf '%s' "$shell" | grep -c '<style\|style=\|<script>\|onload=\|https*://fonts') $(echo "$assets" | wc -l)" '0 2'
is 'it is the same for each page' "$(for path in /blocks /mailboxes '/mailbox?name=x' /explain /reports /reports/used /audit /system; do fields "$path" | grep -i '^etag'; done | sort -u | wc -l)" 1
is 'its policy lets nothing in from elsewhere' "$(fields / | grep -i '^content-security-policy')" "*default-src 'none'*script-src 'self'*require-trusted-types-for 'script'*trusted-types 'none'*"
for path in $assets; do
    tag=$(fields "$path" | sed -n 's/^ETag: //p')
    is "it stays in the browser: $path" "$(fields "$path" | grep -i '^cache-control')" '*immutable*'
    is "and is not sent again: $path" "$(fields "$path" -H "If-None-Match: $tag" | head -n 1)" '*304*'
done
is 'a page that has changed is sent' "$(fields / -H 'If-None-Match: "x"' | head -n 1)" '*200*'
is 'all of it is less than 110 KB' "$(for path in / $assets; do fields "$path" | sed -n 's/^Content-Length: //p'; done | awk '{ n += $1 } END { print (n > 50000 && n < 110000) }')" 1
is 'no two modules have a top-level name in common' "$(find web/assets -name '*.js' ! -name 'uPlot*' -exec sed -nE 's/^(export )?(async )?(function|class|const|let) +([A-Za-z0-9_]+).*/\4/p' {} + | sort | uniq -d)" ''
is 'there is no other asset' "$(code /assets/0/app.js) $(code /assets/) $(code /reports/) $(code /mailbox/x)" '404 404 404 404'

# What can't be seen by the one or differs by the second is left out.
without() { grep -v '^postern_up{\|^postern_counters_live\|^$\|^200 ' || true; }
becomes 'metrics are those of the command line' \
    'diff <(ask /metrics | without) <("$build/postern" -c "$T/postern.conf" metrics | without) >/dev/null && echo same' same
is 'in the text format of Prometheus' "$(ask /metrics | tail -n 1)" '200 text/plain; version=0.0.4; charset=utf-8'
open=(-H 'Accept: application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.3')
is 'or as OpenMetrics, for who asks for that' "$(ask /metrics "${open[@]}" | tail -n 1)" '200 application/openmetrics-text; version=1.0.0; charset=utf-8'
is 'which has an end' "$(ask /metrics "${open[@]}" | tail -n 3 | head -n 1)" '# EOF'
is 'and counters without "_total" in the names of their families' \
    "$(ask /metrics "${open[@]}" | grep 'postern_journal_dropped')" \
    '# HELP postern_journal_dropped *
# TYPE postern_journal_dropped counter
postern_journal_dropped_total 0'
is 'HEAD has no body' "$(ask /metrics -I | grep -c '^# \|^postern_')" 0
is 'POST is not for these' "$(code /metrics -d x)" 405
is 'another path is not there' "$(code /metrics/)" 404
is 'a query is no matter' "$(code '/healthz?from=probe')" 200
is 'the names of loopback and of the configuration are served' \
    "$(for host in localhost 127.0.0.1:8080 '[::1]:8080' relay.contoso.example; do code /healthz -H "Host: $host"; done | sort -u)" 200
is 'a foreign one is not' "$(code /healthz -H 'Host: fabrikam.example')" 421
is 'nor one that is missing' "$(raw 'GET /healthz HTTP/1.1\r\n\r\n')" 'HTTP/1.1 400 *'
is 'a body with two ends is refused' "$(raw 'POST /healthz HTTP/1.1\r\nHost: localhost\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n')" 'HTTP/1.1 400 *'
is 'TRACE is refused' "$(raw 'TRACE / HTTP/1.1\r\nHost: localhost\r\n\r\n')" 'HTTP/1.1 501 *'
is 'many at once get the same picture' "$(for _ in $(seq 40); do code /metrics & done | sort | uniq -c | tr -s ' ')" ' 40 200'

# Silent ones are closed in the end, and who waits behind them is served.
timeout 200 python3 -c '
import socket, sys, time
idle = [socket.socket(socket.AF_UNIX) for _ in range(300)]
for s in idle:
    s.connect(sys.argv[1])
print("connected", flush=True)
for s in idle:
    while s.recv(1):
        pass' "$T/run/web.sock" >"$T/idle.out" 2>&1 &
idle=$!
becomes 'three hundred connect and say nothing' 'cat "$T/idle.out"' connected
is 'who comes behind them is served' "$(code /healthz)" 200
wait $idle
is 'and they were all closed' $? 0
is 'the log says that others had to wait' "$(grep -c '256 connections are served, new ones wait' "$T/web.log")" 1

# The interface for programs; with a real relay in web_api.sh.
data() { ask "/api/v1/$1" | head -n -2 | jq -r "$2" 2>&1; }
is 'all that is known of a mailbox is there' "$(data mailboxes/anna@contoso.example '.data | "\(.known) \(.setting) \(.basic.action) \(.oauth.action) \(.usage) \(.cloud | length)"')" 'true enabled pass pass null 0'
is 'by its display name it is found, too' "$(data mailboxes/Anna%20Berg .data.mailbox)" anna@contoso.example
is 'a name that nobody can have is not found' "$(code /api/v1/mailboxes/a%20b)" 404
is 'a connector has its networks' "$(data connectors '.data | map("\(.name) \(.networks | length) \(.verdict.action)") | join(" ")')" 'printers 1 pass'
is 'the overview says that nothing is only watched' "$(data overview '.data | "\(.monitor) \(.monitored | length)"')" 'false 0'
is 'how the mirror ran is there' "$(data runs '.data[0] | "\(.tenant) \(.how) \(.result) \(.changes) \(.trouble)"')" 'contoso import ok 1 null'
"$build/postern-mirror" import -c "$T/postern.conf" --tenant contoso "$T/cas.csv" >"$T/mirror.log" 2>&1
echo '"0a7d6d2c-0001-4b7e-9d55-000000000002","bert@contoso.example' >>"$T/cas.csv"
"$build/postern-mirror" import -c "$T/postern.conf" --tenant contoso "$T/cas.csv" >"$T/mirror.log" 2>&1
is 'and on the command line' "$("$build/postern" -c "$T/postern.conf" log --runs --csv | sed 's/^[^,]*,//; s/,[0-9]*,/ /' | cut -d , -f 1-4 | tr '\n' ';')" 'tenant,how,result,*;contoso,import,failed*;contoso,import,unchanged*;contoso,import,ok*'
becomes 'the metrics have when which result was last' \
    'ask /metrics | sed -n "s/^postern_mirror_run_timestamp_seconds{tenant=\"contoso\",result=\"\(.*\)\"} [0-9]\{10\}$/\1/p" | tr "\n" " "' 'failed ok unchanged '
is 'rows are streamed to a file' "$(ask '/api/v1/reports/enabled?format=csv' | grep -c anna@contoso.example)" 1

{ kill -9 "$policyd" && wait "$policyd"; } 2>/dev/null
relay_pids=${relay_pids/" $policyd"/}
becomes 'one that was killed is not up' 'ask /metrics | grep "^postern_up"' 'postern_up{program="postern-policyd"} 0'
rm -f "$T/run/policyd.sock"
start policyd || { cat "$T/policyd.log"; exit 1; }

kill -USR1 "$web"
becomes 'a reload says what it changes' 'grep -c "reload: the configuration is read again" "$T/web.log"' 1
is 'and it goes on' "$(code /healthz)" 200
second=$("$build/postern-web" -c "$T/postern.conf" 2>&1; echo $?)
is 'a second one on the same socket does not start' "$second" '*a program answers there already; is postern-web running?*1'
for pid in $relay_pids; do kill "$pid"; done
wait
relay_pids=
is 'it ends by SIGTERM and takes its socket along' "$(tail -n 1 "$T/web.log"; ls "$T/run")" '*stopped*'
is 'nothing came out of the sanitizers' "$(cat "$T"/*.log | grep -c 'ERROR: \|runtime error')" 0
exit $status
