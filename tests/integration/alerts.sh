#!/bin/bash
# Notices: a login that a limit blocks through a real Postfix is told of once, at a real HTTPS receiver, in Teams' form, and to a
# command; signed; also when the receiver was away; and a dead receiver costs the mail path nothing. TAP lines. Needs root.
set -u
cd "$(dirname "$0")/../.." || exit 1
. scripts/relay.sh
. tests/e2e/lib.sh
T=
H=$(mktemp -d /tmp/postern-alerts.XXXXXX)
receiver=
stop_all()
{
    [ -z "$receiver" ] || kill "$receiver" 2>/dev/null
    relay_stop
    rm -rf "$H"
}
trap stop_all EXIT

# A certificate for 127.0.0.1 by an authority of its own.
openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=authority -addext basicConstraints=critical,CA:TRUE \
    -keyout "$H/ca.key" -out "$H/ca.pem" 2>/dev/null
openssl req -newkey rsa:2048 -nodes -subj /CN=127.0.0.1 -keyout "$H/key.pem" -out "$H/request.pem" 2>/dev/null
openssl x509 -req -in "$H/request.pem" -CA "$H/ca.pem" -CAkey "$H/ca.key" -CAcreateserial -days 2 \
    -extfile <(echo subjectAltName=IP:127.0.0.1) -out "$H/cert.pem" 2>/dev/null
PORT=$(relay_free_port)
(umask 077 && printf 'a key of the test, long enough\n' >"$H/secret" && printf 'https://127.0.0.1:%s/teams\n' "$PORT" >"$H/teams.url")
cat >"$H/page" <<'END'
#!/bin/sh
# Fails the first time, to be tried again.
[ -e "${0%/*}/page.tried" ] || { : >"${0%/*}/page.tried"; exit 75; }
{ echo "$# $1|$POSTERN_EVENT|$POSTERN_SUBJECT|$POSTERN_FACT_LIMIT"; cat; echo; } >>"${0%/*}/paged"
END
chmod 755 "$H/page"

start_receiver()
{
    python3 tests/integration/receiver.py "$PORT" "$H/cert.pem" "$H/key.pem" "$H/got" >"$H/receiver.log" 2>&1 &
    receiver=$!
    relay_wait relay_listens "$PORT"
}
stop_receiver()
{
    kill "$receiver"
    wait "$receiver" 2>/dev/null
    receiver=
}
start_alert() { relay_run alert "$BIN/postern-alert" -c "$T/postern.conf"; }

# arrived PATH: how many notices were taken there.
arrived() { grep -c "\"path\": \"$1\", \"status\": 200" "$H/got" 2>/dev/null; }
pending() { find "$H/spool/alerts" -maxdepth 1 -name '*.json' | wc -l; }
nothing_pending() { [ "$(pending)" -eq 0 ]; }
blocks_noticed() { [ "$(pending)" -eq 1 ]; }

# A receiver that takes connections and says nothing: the worst of the dead ones.
python3 -c '
import socket, sys, time
s = socket.socket(); s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
s.bind(("127.0.0.1", int(sys.argv[1]))); s.listen(64); time.sleep(600)' "$PORT" &
receiver=$!
make_relay '{ name = "flood"; per = "user"; count = "messages"; rate = "3/h"; then = "block 1h"; }' "
alerts = (
    { url = \"https://127.0.0.1:$PORT/json\"; secret_file = \"$H/secret\"; ca_file = \"$H/ca.pem\"; timeout = \"1m\"; },
    { url_file = \"$H/teams.url\"; format = \"teams\"; ca_file = \"$H/ca.pem\"; events = [\"block\"]; timeout = \"1m\"; },
    { command = [\"$H/page\", \"first argument; rm -rf /\"]; events = \"block\"; timeout = \"1m\"; }
);
spool = \"$H/spool\";"

relay_start both || exit 1
start_alert
for _ in 1 2 3; do reply=$(submit anna@contoso.example); done
is 'three messages pass' "$reply" '250*'
reply=$(submit anna@contoso.example --header-X-Test fourth)
is 'the fourth is refused and blocks' "$reply" '550 5.1.8 *'
relay_wait blocks_noticed
sleep 2.5
from=$(date +%s%N)
for _ in 1 2 3 4 5; do submit anna@contoso.example >/dev/null; done
took=$((($(date +%s%N) - from) / 1000000))
# Even one of them that waited would have taken a minute.
is 'a receiver that hangs does not slow mail' "$([ $took -lt 60000 ] && echo fast || echo "$took ms")" fast
is 'the notice waits on the disk' "$(pending) $(arrived /json)" '1 *'

kill -9 "$(cat "$T/alert.pid")"
wait "$(cat "$T/alert.pid")" 2>/dev/null
stop_receiver
start_alert
tried_again() { grep '127.0.0.1.*again in' "$T/alert.log"; }
relay_wait tried_again
is 'a receiver that is not there is tried again' "$(tried_again | wc -l)" '[1-9]*'
echo 503 >"$H/got.answer"
start_receiver
relay_wait grep '"status": 503' "$H/got"
rm "$H/got.answer"
relay_wait nothing_pending
is 'it arrives once at each place when the receiver is back' "$(arrived /json) $(arrived /teams) $(grep -c '^1 first' "$H/paged")" '1 1 1'

verdict=$(python3 - "$H/got" "$H/secret" <<'END'
import hashlib, hmac, json, sys, time
key = open(sys.argv[2]).read().strip().encode()
requests = [json.loads(line) for line in open(sys.argv[1])]
got = [r for r in requests if r["path"] == "/json" and r["status"] == 200][0]
h = {k.lower(): v for k, v in got["headers"].items()}
mac = hmac.new(key, (h["postern-timestamp"] + "." + got["body"]).encode(), hashlib.sha256).hexdigest()
notice = json.loads(got["body"])
print("signed" if h["postern-signature"] == "v1=" + mac else "not signed",
      "fresh" if abs(time.time() - int(h["postern-timestamp"])) < 3600 else "old",
      "same id" if h["idempotency-key"] == notice["id"] and len({r["headers"]["Idempotency-Key"] for r in requests}) == 1 else "other id",
      notice["event"], notice["subject"], notice["facts"]["limit"], notice["facts"]["client"], "unblock" in notice["advice"])
END
)
is 'it is signed, and says who, from where, which limit and what to do' "$verdict" \
    'signed fresh same id block *anna@contoso.example flood 127.* True'
card=$(python3 - "$H/got" <<'END'
import json, sys
got = [json.loads(line) for line in open(sys.argv[1])]
got = [r for r in got if r["path"] == "/teams" and r["status"] == 200][0]
a = json.loads(got["body"])["attachments"][0]
body = a["content"]["body"]
print(a["contentType"], a["content"]["type"], body[0]["text"], [f["value"] for f in body[1]["facts"] if f["title"] == "limit"],
      "Postern-Signature" in got["headers"])
END
)
is 'Teams gets a card' "$card" "application/vnd.microsoft.card.adaptive AdaptiveCard *anna@contoso.example is blocked by limit flood \['flood'\] False"
is 'the command gets its argument as it is, the facts, and the notice' "$(head -n 1 "$H/paged") $(sed -n 2p "$H/paged" | grep -c '"event":"block"')" \
    '1 first argument; rm -rf /|block|*anna@contoso.example|flood 1'

for _ in 1 2 3; do submit anna@contoso.example >/dev/null; done
kill "$(cat "$T/alert.pid")"
wait "$(cat "$T/alert.pid")" 2>/dev/null
start_alert
sleep 2.5
is 'later refusals and a restart tell nothing again' "$(arrived /json) $(arrived /teams) $(grep -c '^1 first' "$H/paged")" '1 1 1'

# A block that its process did not live to tell of is told at the next start.
rm -rf "$H/spool/alerts/episodes"/*
restart milter
arrived_twice() { [ "$(arrived /json)" -eq 2 ]; }
relay_wait arrived_twice
is 'a block that was never told is told after a restart' "$(arrived /json)" 2

# ---- a test, and what is not delivered ----
p() { "$BIN/postern" -c "$T/postern.conf" "$@"; }
with_status() { "$@" 2>&1; echo "exit $?"; }
relay_wait nothing_pending
teams=$(arrived /teams)
is 'a test is told to arrive' "$(with_status p alert --test --wait 3m)" 'The notice was accepted by every target*exit 0'
is 'also where other events alone are wanted' "$(($(arrived /teams) - teams))" 1
is 'and is marked as a test' "$(tail -n 3 "$H/paged" | grep -c 'test|test by ')" 1
is 'all that was delivered is no trouble' "$(p status | grep -c '^Notices:') $(p metrics | grep '^postern_notices_waiting')" '0 postern_notices_waiting 0'
stop_receiver
is 'a test that does not arrive says so' "$(with_status p alert --test --wait 3s)" '*was not delivered within 3 s*does postern-alert run*exit 1'
is 'status tells of it' "$(p status)" '*Notices: 1 not delivered, the oldest for *postern alert --test*'
is 'JSON and metrics too' "$(p status --json | jq -c '.notices | [.waiting, .given_up]') $(p metrics | grep '^postern_notices_waiting')" '\[1,0\] postern_notices_waiting 1'
echo 400 >"$H/got.answer"
start_receiver
relay_wait nothing_pending
rm "$H/got.answer"
is 'what a target will not take is given up, and counted' "$(p status | grep -c 'Notices: 2 given up in the last 7 days')" 1
is 'with the reason beside it' "$(cat "$H/spool/alerts/failed/"*)" '*400*'
is 'without a target there is nobody to notify' "$(sed '/^alerts = (/,/^);/d' "$T/postern.conf" >"$T/without.conf"; with_status "$BIN/postern" -c "$T/without.conf" alert --test)" '*there is nobody to notify*exit 1'

is 'the spool is not for everybody' "$(stat -c %a "$H/spool" "$H/spool/alerts" | tr '\n' ' ')" '7?0 7?0 *'
second=$("$BIN/postern-alert" -c "$T/postern.conf" 2>&1; echo "status $?")
is 'a second one on the same spool does not start' "$second" '*another postern-alert*status 1'
exit $status
