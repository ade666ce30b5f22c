#!/bin/bash
# postern-web killed, and stopped in the middle of everything with its backlog full: nobody else notices. TAP lines. BUILD: the folder with
# programs.
set -u
cd "$(dirname "$0")/../.." || exit 1
. tests/integration/web_lib.sh
cat >"$T/postern.conf" <<END
directory = "$T/lib/directory"; state = { file = "$T/lib/state"; entries = 65536; }; journal = "$T/lib/journal";
spool = "$T/lib/spool"; log = { to = "stderr"; }; preset = "none";
tenants = ( { name = "contoso"; domains = ["contoso.example"]; } );
policyd = { listen = "unix:$T/run/policyd.sock"; }; milter = { listen = ""; };
web = { listen = { address = "unix:$T/run/web.sock"; mode = "0600"; }; action_log = "$T/lib/actions.log"; };
END
p() { timeout 200 "$build/postern" -c "$T/postern.conf" "$@"; }
import() { timeout 200 "$build/postern-mirror" import -c "$T/postern.conf" --tenant contoso "$T/cas.csv" >>"$T/mirror.log" 2>&1; }
printf '%s\n' '"Guid","PrimarySmtpAddress","DisplayName","SmtpClientAuthenticationDisabled"' \
    '"0a7d6d2c-0001-4b7e-9d55-000000000001","anna@contoso.example","Anna Berg","False"' >"$T/cas.csv"
import || { cat "$T/mirror.log"; exit 1; }
start policyd || { cat "$T/policyd.log"; exit 1; }
# What the service manager hears.
timeout 500 python3 -c '
import os, socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.bind(sys.argv[1])
while True:
    print(s.recv(1000).decode(), flush=True)' "$T/run/notify" >"$T/notified" 2>&1 &
relay_pids="$relay_pids $!"
relay_wait test -S "$T/run/notify"
token=$(p web-user token test --role operator --expires 1d 2>/dev/null)
NOTIFY_SOCKET=$T/run/notify start web || { cat "$T/web.log"; exit 1; }

# submit COUNT: what all of them are told.
submit() { timeout 200 python3 - "$T/run/policyd.sock" "$1" <<'END'
import os, socket, sys
s = socket.socket(socket.AF_UNIX)
s.connect(sys.argv[1])
replies, file = {}, s.makefile()
for i in range(int(sys.argv[2])):
    for state, recipients in ((b"RCPT", b"recipient=guest@adatum.example"), (b"END-OF-MESSAGE", b"recipient_count=1\nrecipient=")):
        s.sendall(b"request=smtpd_access_policy\nprotocol_state=%s\nsasl_method=PLAIN\nsasl_username=anna@contoso.example\nsize=4096\n"
                  b"sender=anna@contoso.example\n%s\nclient_address=192.0.2.1\nencryption_protocol=TLSv1.3\ninstance=%d.%d\n\n"
                  % (state, recipients, i, os.getpid()))
        reply = file.readline().strip()
        file.readline()
    replies[reply] = replies.get(reply, 0) + 1
print(replies)
END
}
# By policyd, since it started.
logged() { p metrics | sed -n 's/^postern_decisions_total{.*action="pass".*} //p'; }
# all_is_well HOW: each of the others, in turn.
count=0
all_is_well()
{
    local before
    before=$(logged)
    is "$1: the policy server replies" "$(submit 20)" "{'action=DUNNO': 20}"
    becomes "$1: the journal is written" "[ \$(logged) -ge $((before + 20)) ] && echo all" all
    is "$1: people see how things are" "$(p status >"$T/status"; echo $?; grep -c contoso "$T/status")" '[03]*[1-9]*'
    is "$1: metrics are there" "$(p metrics | grep -c '^postern_up{program="postern-policyd"} 1')" 1
    p block bert@contoso.example --for 1h --force >/dev/null
    is "$1: a block is made" "$(p blocks --json | jq length)" 1
    is "$1: and lifted" "$(p unblock bert@contoso.example >/dev/null; p blocks --json | jq length)" 0
    count=$((count + 1))
    echo "\"0a7d6d2c-0001-4b7e-9d55-1000000000$((10 + count))\",\"more$count@contoso.example\",\"More\",\"False\"" >>"$T/cas.csv"
    is "$1: the mirror publishes" "$(import && p explain --user "more$count@contoso.example" --json | jq -r .action)" pass
    kill -USR1 "$policyd"
    is "$1: the policy server reads its configuration again, and replies" "$(submit 1)" "{'action=DUNNO': 1}"
    is "$1: what was asked for over the web is done" "$(echo x >"$T/lib/spool/web/1-a.json"; p act --user "$(id -un)" >>"$T/act.log" 2>&1; ls "$T/lib/spool/web")" ''
}
mkdir -p "$T/lib/spool/web" && chmod 750 "$T/lib/spool" "$T/lib/spool/web"
: >"$T/lib/actions.log"
becomes 'it says that it lives' 'grep -c WATCHDOG=1 "$T/notified"' '[1-9]*'
is 'many decisions are there to be read' "$(submit 3000)" "{'action=DUNNO': 3000}"
becomes 'and in the journal' logged 3000

# A file is half read when the account ends.
once=$(p web-user token once --role reader --expires 1d 2>/dev/null)
timeout 300 python3 - "$T/run/web.sock" "$once" "$T/removed" >"$T/half" 2>&1 <<'END' &
import os, socket, sys, time
s = socket.socket(socket.AF_UNIX)
s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
s.connect(sys.argv[1])
s.sendall(f"GET /api/v1/log?format=csv HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {sys.argv[2]}\r\n\r\n".encode())
got = s.recv(1000)
print("begun", got[9:12].decode(), flush=True)
while not os.path.exists(sys.argv[3]):
    got += s.recv(1)  # a reader that takes its time, but takes it
    time.sleep(0.1)
try:
    while part := s.recv(65536):
        got += part
except ConnectionError:
    pass
print("all of it" if got.endswith(b"\r\n0\r\n\r\n") else "a part")
END
half=$!
becomes 'a file is begun' 'cat "$T/half"' 'begun 200'
p web-user remove once 2>/dev/null
: >"$T/removed"
wait $half
is 'whose account ends gets no more of it' "$(tail -n 1 "$T/half")" 'a part'

# Streams that nobody reads, so that it hangs while files are open and a table is half read; then as many connections as it will take.
timeout 900 python3 - "$T/run/web.sock" "$token" "$web" >"$T/crowd" 2>&1 <<'END' &
import os, signal, socket, sys, time
def ask(target):
    s = socket.socket(socket.AF_UNIX)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    s.connect(sys.argv[1])
    s.sendall(f"GET {target} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {sys.argv[2]}\r\n\r\n".encode())
    return s
held = [ask("/events") for _ in range(64)] + [ask("/api/v1/log?format=csv") for _ in range(4)] + [ask("/metrics") for _ in range(20)]
for s in held[:64]:
    s.recv(10)
for s in held[64:66]:
    s.recv(10)
os.kill(int(sys.argv[3]), signal.SIGSTOP)
while True:
    s = socket.socket(socket.AF_UNIX)
    s.setblocking(False)
    held.append(s)
    try:
        s.connect(sys.argv[1])
    except BlockingIOError:
        break
print("full", len(held) > 100, flush=True)
time.sleep(900)
END
relay_pids="$relay_pids $!"
becomes 'it is stopped, and takes no more connections' 'cat "$T/crowd"' 'full True'
all_is_well stopped
{ kill -9 "$web" && wait "$web"; } 2>/dev/null
relay_pids=${relay_pids/" $web"/}
all_is_well killed
start web || { cat "$T/web.log"; exit 1; }
is 'started again it serves on its socket' "$(curl -sS --max-time 100 --unix-socket "$T/run/web.sock" -H "Authorization: Bearer $token" http://localhost/api/v1/log | jq '.data | length')" 100
is 'nothing came out of the sanitizers' "$(cat "$T"/*.log | grep -c 'ERROR: \|runtime error')" 0
exit $status
