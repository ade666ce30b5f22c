# shellcheck shell=bash disable=SC2034 # whoever sources this has them
# For the tests of recipes: a folder $T with a certificate, programs in the background that end with the test, a stand-in for
# postern-web that writes down what arrives, and a browser. Sourced, from the tree's root.
. scripts/relay.sh
. tests/e2e/lib.sh
T=$(mktemp -d "${TMPDIR:-/tmp}/postern-proxies.XXXXXX")
pids=
finish() { for pid in $pids; do kill "$pid" 2>/dev/null; done; wait; relay_give_back; rm -rf "$T"; }
trap finish EXIT
trap 'exit 1' INT TERM
chmod 755 "$T"
mkdir "$T/run"

background() { "$@" >>"$T/background.log" 2>&1 & pids="$pids $!"; }
give_up() { cat "$T"/*.log; exit 1; }
background python3 tests/web/standin.py recorder "$T/run/web.sock" "$T/record"
openssl req -x509 -newkey rsa:2048 -nodes -keyout "$T/key.pem" -out "$T/certificate.pem" -days 2 \
    -subj /CN=mx1.contoso.example -addext subjectAltName=DNS:mx1.contoso.example 2>/dev/null
port=$(relay_free_port)
relay_wait relay_listens_at "$T/run/web.sock" || give_up

# browse TARGET [OPTION...]: the page, the status, and where it leads.
browse()
{
    curl -sS --max-time 60 --cacert "$T/certificate.pem" --resolve "mx1.contoso.example:$port:127.0.0.1" \
        -w '%{http_code} %{redirect_url}\n' "${@:2}" "https://mx1.contoso.example:$port$1" 2>&1
}
# field NAME: what the last request that arrived had of it, a line each.
field() { tail -n 1 "$T/record" | jq -r --arg name "$1" '.fields[$name] // [] | .[]'; }
