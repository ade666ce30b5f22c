#!/bin/bash
# The programs that hold secrets, in an environment that would have them written down, sent elsewhere or checked against
# somebody else's certificates; and where those secrets turn up afterwards: nowhere. TAP lines. BUILD: the folder with programs.
set -u
cd "$(dirname "$0")/../.." || exit 1
. scripts/relay.sh
. tests/standin/standin.sh
build=$(realpath "${BUILD:-build/asan}")
H=$(mktemp -d "${TMPDIR:-/tmp}/postern-secrets.XXXXXX")
pids=
status=0

finish()
{
    local pid
    for pid in $pids; do kill "$pid" 2>/dev/null; done
    wait "$pids" 2>/dev/null
    standin_stop
    relay_give_back
    rm -rf "$H"
}
trap finish EXIT
trap 'exit 1' INT TERM

# ok WHAT COMMAND...
ok()
{
    if "${@:2}"; then
        echo "ok $1"
    else
        echo "not ok $1"
        tail -n 10 "$H"/*.log | sed 's/^/    | /'
        status=1
    fi
}
none() { ! "$@"; }

# ---- two secrets of each program ----
standin_start "{\"tenants\":{\"$STANDIN_TENANT\":{\"mailboxes\":25}}}" || exit 1
printf 'canary-hook-%s\n' "$(openssl rand -hex 12)" >"$H/canary.hook"
printf 'canary-key-%s\n' "$(openssl rand -hex 16)" >"$H/canary.key"
port=$(relay_free_port)
printf 'https://127.0.0.1:%s/%s\n' "$port" "$(cat "$H/canary.hook")" >"$H/hook.url"
cp "$H/canary.key" "$H/hook.key"
cp "$STANDIN_SECRET_FILE" "$H/canary.secret"
chmod 600 "$H/hook.url" "$H/hook.key" "$STANDIN_SECRET_FILE"
cat >"$H/postern.conf" <<END
directory = "$H/dir"; spool = "$H/spool"; journal = "$H/journal"; state = { file = "$H/state"; entries = 1024; };
log = { to = "stderr"; };
mirror = { page_size = 5; stall_timeout = "5s"; proxy = ""; };
tenants = ( { name = "contoso"; domains = ["contoso.example"];
    exchange = { tenant_id = "$STANDIN_TENANT"; application = "$STANDIN_CLIENT_ID"; secret_file = "$STANDIN_SECRET_FILE";
        ca_file = "$STANDIN_CA";
        hosts = { login = "localhost:$STANDIN_PORT"; exchange = "localhost:$STANDIN_PORT";
                  graph = "graph.localhost:$STANDIN_PORT"; }; }; } );
alerts = ( { url_file = "$H/hook.url"; secret_file = "$H/hook.key"; ca_file = "$STANDIN_CA"; timeout = "5s"; } );
END

# ---- the environment ----
mkdir "$H/home" "$H/nowhere"
printf 'default login eve password eve\n' >"$H/home/.netrc"
printf 'insecure\nproxy = "http://127.0.0.1:%s"\n' "$STANDIN_PROXY_PORT" >"$H/home/.curlrc"
cat >"$H/openssl.cnf" <<'END'
openssl_conf = start
[start]
ssl_conf = ssl
[ssl]
system_default = default
[default]
MaxProtocol = TLSv1.1
END
proxy=http://127.0.0.1:$STANDIN_PROXY_PORT
hostile=(HOME="$H/home" CURL_HOME="$H/home" NETRC="$H/home/.netrc" SSLKEYLOGFILE="$H/keys" SSL_CERT_FILE="$H/nowhere/x.pem"
    SSL_CERT_DIR="$H/nowhere" CURL_CA_BUNDLE="$H/nowhere/x.pem" OPENSSL_CONF="$H/openssl.cnf" OPENSSL_MODULES="$H/nowhere"
    OPENSSL_ENGINES="$H/nowhere" http_proxy="$proxy" https_proxy="$proxy" HTTPS_PROXY="$proxy" all_proxy="$proxy" ALL_PROXY="$proxy"
    GCONV_PATH="$H/nowhere" TZDIR="$H/nowhere" LC_ALL=tr_TR.UTF-8 TMPDIR="$H/nowhere")

mirror() { env "${hostile[@]}" "$build/postern-mirror" "$@" -c "$H/postern.conf" >>"$H/mirror.log" 2>&1 </dev/null; }
proxied() { grep -q '"event": *"proxy"' "$STANDIN_LOG"; }

# Slowly, to be looked at meanwhile.
standin_scenario "{\"latency\":0.2,\"tenants\":{\"$STANDIN_TENANT\":{\"mailboxes\":25}}}"
env "${hostile[@]}" "$build/postern-mirror" sync -c "$H/postern.conf" >>"$H/mirror.log" 2>&1 </dev/null &
running=$!
relay_wait grep -q '"kind": *"token"\|Get-' "$STANDIN_LOG"
cat "/proc/$running/cmdline" "/proc/$running/environ" >"$H/mirror.proc" 2>/dev/null
grep '^Max core' "/proc/$running/limits" >"$H/mirror.core"
ok 'the mirror leaves no core dump' grep -q 'Max core file size *0 *0 ' "$H/mirror.core"
ok 'a hostile environment changes nothing of a sync' wait "$running"
ok 'no TLS keys were written down' none test -e "$H/keys"
ok 'a proxy that the configuration switches off is not used' none proxied
ok 'nothing was asked of another host' none grep -q '"event": *"request"' "$STANDIN_EVIL_LOG"
ok 'the login of a .netrc is not sent' none grep -qi 'basic \|ZXZlOmV2ZQ' "$STANDIN_LOG"

# ---- A60: a name that leads to where clouds keep their metadata ----
cp "$H/postern.conf" "$H/good.conf"
sed 's/login = "localhost:/login = "169.254.169.254:/' "$H/good.conf" >"$H/postern.conf"
ok 'nothing is asked of an address of the link' none mirror sync
ok 'and that is said' grep -q 'leads to a link-local address' "$H/mirror.log"
cp "$H/good.conf" "$H/postern.conf"

# ---- a run that fails, and the notice of it ----
standin_scenario "{\"faults\":[{\"name\":\"unauthorized\"}],\"tenants\":{\"$STANDIN_TENANT\":{\"mailboxes\":25}}}"
ok 'a run that is refused fails' none mirror sync
printf 'wrong\n' >"$STANDIN_SECRET_FILE"
ok 'so does one with a wrong secret' none mirror sync
cat "$H/canary.secret" >"$STANDIN_SECRET_FILE"

env "${hostile[@]}" no_proxy=127.0.0.1 "$build/postern-alert" -c "$H/postern.conf" >>"$H/alert.log" 2>&1 </dev/null &
alert=$!
pids=$alert
relay_wait grep -q 'again in' "$H/alert.log"
ok 'a receiver that is not there is tried again' grep -q 'again in' "$H/alert.log"
python3 tests/integration/receiver.py "$port" "$STANDIN_DIR/server-good.pem" "$STANDIN_DIR/server-good.key" "$H/got" >"$H/receiver.log" 2>&1 &
pids="$pids $!"
relay_wait test -s "$H/got"
ok 'and gets the notice in a hostile environment, too' grep -q 'canary-hook.*"status": 200' "$H/got"
cat "/proc/$alert/cmdline" "/proc/$alert/environ" >"$H/alert.proc" 2>/dev/null
grep '^Max core' "/proc/$alert/limits" >"$H/alert.core"
ok 'the program for notices leaves no core dump' grep -q 'Max core file size *0 *0 ' "$H/alert.core"
ok 'and its TLS keys were not written down' none test -e "$H/keys"
kill "$alert"
ok 'it ends in good order' wait "$alert"

# ---- where the secrets are now ----
found()
{
    grep -rlaF -f "$1" "$H" --exclude=canary.* --exclude=hook.* --exclude=got "${@:2}"
}
ok "the application's secret is in no log, argument, environment, notice or file" none found "$H/canary.secret"
ok "the receiver's address is, neither" none found "$H/canary.hook"
ok 'nor the key for signing' none found "$H/canary.key"
ok 'nor is a token' none grep -rlaE 'eyJ[A-Za-z0-9_-]{20,}' "$H" --exclude=got
ok 'the key for signing was not sent either' none grep -qF -f "$H/canary.key" "$H/got"
ok 'nothing came out of the sanitizers' none grep -l 'ERROR: \|runtime error' "$H/mirror.log" "$H/alert.log"
exit $status
