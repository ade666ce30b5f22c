#!/bin/bash
# shellcheck disable=SC2086 # lists of words
# The mirror and the alerts beside the mail path: imports killed while mail flows (F3), postern-alert killed (F1), a large directory
# that comes and goes under load (F36), no name server and one that does not answer (F16).
set -u
cd "$(dirname "$0")/../.." || exit 1
export BUILD=${BUILD:-build/release}
. tests/faults/lib.sh

told=$(mktemp /tmp/postern-faults-told.XXXXXX)
trap 'faults_stop; rm -f "$told"' EXIT
faults_relay "alerts = ( { command = [\"/bin/sh\", \"-c\", \"cat >>$told\"]; events = \"block\"; } );"
echo "spool = \"$T/lib/spool\";" >>"$T/postern.conf"
large=$(much 200000 3000)
{
    cat "$T/lib/cas.csv"
    awk -v n="$large" 'BEGIN { for (i = 0; i < n; i++) printf "\"1b7d6d2c-0001-4b7e-9d55-%012d\",\"user%d@contoso.example\",\"True\",\"%s\"\n", i, i, i % 2 ? "True" : "False" }'
} >"$T/large.csv"
import() { relay_import --force --tenant contoso "$1" "$T/lib/transport.json"; }

# ---- postern-alert killed at random: each block is told of ----
keep alert "$BIN/postern-alert" -c "$T/postern.conf"
faults_start
use_up
load
for _ in $(seq "$(rounds 40 4)"); do
    pause_random 20 400
    kill_program KILL alert
done
is 'the block is told of, though postern-alert is killed again and again' "$(relay_wait grep -q emma "$told" && echo told)" told
sleep 2
nothing_waits() { [ -z "$(find "$T/lib/spool/alerts" -maxdepth 1 -name '*.json')" ]; }
is 'and nothing waits any more' "$(relay_wait nothing_waits && echo nothing)" nothing

# ---- imports killed ----
started=$(date +%s)
import "$T/large.csv" >>"$T/mirror.log" 2>&1
echo "# $((large + 5)) mailboxes: $(($(date +%s) - started)) s, $(du -sh "$T/lib/directory" | cut -f1)"
in_use() { [ "$(sed -n 's/.*generation \([0-9]*\) in use.*/\1/p' "$T/policyd.log" | tail -n 1)" = "$(sed -n 's/^generation //p' "$T/lib/directory/current")" ]; }
is 'a large directory is taken while mail flows' "$(relay_wait in_use && echo taken)" taken
good=0
for i in $(seq "$(rounds 40 4)"); do
    file=$T/large.csv
    [ $((i % 2)) = 0 ] || file=$T/lib/cas.csv
    import $file >>"$T/mirror.log" 2>&1 &
    pid=$!
    pause_random 0 "$(much 2500 60)"
    kill -9 $(pgrep -P $pid) $pid 2>/dev/null
    wait $pid 2>/dev/null
    "$BIN/postern-mirror" show -d "$T/lib/directory" bert@contoso.example 2>&1 | grep -q 'SMTP AUTH *disabled' && good=$((good + 1))
done
is 'imports killed at random: the directory is always whole' $good "$(rounds 40 4)"
is 'and the next import works' "$(import "$T/lib/cas.csv" >>"$T/mirror.log" 2>&1 && echo works)" works
is 'what the killed ones left is gone' "$(find "$T/lib/directory" -type f | grep -cv '/current$\|/directory-[0-9]*.mdb$\|lock')" 0
echo "# the directory's folder: $(du -sh "$T/lib/directory" | cut -f1), $(find "$T/lib/directory" -name '*.mdb' | wc -l) generations"
relay_wait in_use
load_end
recovers 'alerts and imports killed'
judge 'alerts and imports killed'
forgets_nothing 'alerts and imports killed'

# ---- names ----
is 'the programs in the mail path ask no name server' \
    "$(for program in policyd milter; do nm -D --undefined-only "build/release/postern-$program"; done | grep -c ' getaddrinfo\| gethostby\| res_')" 0
cat >"$T/sync.conf" <<CONF
directory = "$T/lib/directory";
mirror = { stall_timeout = "2s"; deadline = "30s"; };
tenants = ( { name = "contoso"; domains = ["contoso.example"]; exchange = {
    tenant_id = "7a5d1c3e-52b0-4f0e-9c7d-2f6a10b4e8d1"; application = "3d9e6f20-1b7c-4a58-9f3e-c5d2a7b80e14"; secret_file = "$T/secret";
    hosts = { login = "login.contoso.example"; exchange = "exchange.contoso.example"; graph = "graph.contoso.example"; }; }; } );
CONF
(umask 077 && echo made-up >"$T/secret")
before=$("$BIN/postern-mirror" show -d "$T/lib/directory" dora@contoso.example)
sync_fails() { env -u http_proxy -u https_proxy -u HTTPS_PROXY -u all_proxy -u ALL_PROXY timeout 280 unshare -n "$@" "$(realpath "$BIN/postern-mirror")" sync -c "$T/sync.conf" >"$T/sync.log" 2>&1; }
sync_fails
is 'without a name server a run fails' "$?" 1
is 'and says which name' "$(grep -c 'login.contoso.example' "$T/sync.log")" '[1-9]*'
if full; then
    echo 'nameserver 127.0.0.1' >"$T/resolv.conf"
    mount --bind "$T/resolv.conf" /etc/resolv.conf
    cat >"$T/silent.sh" <<'END_SILENT'
ip link set lo up
python3 -c 'import socket, time; s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.bind(("127.0.0.1", 53)); time.sleep(400)' &
silent=$!
"$@"
code=$?
kill $silent
exit $code
END_SILENT
    sync_fails bash "$T/silent.sh"
    is 'a name server that does not answer: a run fails within its time' "$?" 1
    umount /etc/resolv.conf
fi
is 'the settings are those from before' "$("$BIN/postern-mirror" show -d "$T/lib/directory" dora@contoso.example)" "$before"
is 'and mail is served' "$(send dora)" '250*'
faults_end
exit $status
