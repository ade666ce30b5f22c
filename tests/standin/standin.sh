# Shell functions to run the stand-in from a test: source this. README says what each does.
# shellcheck shell=bash
# Variables are for those who source it, and so are optional arguments.
# shellcheck disable=SC2034,SC2119,SC2120

STANDIN_HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
STANDIN_CLIENT_ID=3d9e6f20-1b7c-4a58-9f3e-c5d2a7b80e14
STANDIN_TENANT=7a5d1c3e-52b0-4f0e-9c7d-2f6a10b4e8d1
STANDIN_TENANT_2=c0ffee00-6d1f-4c55-8a8e-90d1b2c3a4f5
STANDIN_PID=
STANDIN_DIR=

_standin_b64url() { openssl base64 -A | tr '+/' '-_' | tr -d '='; }

# standin_sign ALG KEY HEADER CLAIMS: a JWT of exactly these texts.
standin_sign()
{
    local signed signature pss=()
    signed=$(printf %s "$3" | _standin_b64url).$(printf %s "$4" | _standin_b64url)
    [ "$1" != PS256 ] || pss=(-sigopt rsa_padding_mode:pss -sigopt rsa_pss_saltlen:digest)
    signature=$(printf %s "$signed" | openssl dgst -sha256 "${pss[@]}" -sign "$2" -binary | _standin_b64url)
    printf '%s.%s\n' "$signed" "$signature"
}

# standin_thumbprint CERT [sha1]: base64url, without padding.
standin_thumbprint() { openssl x509 -in "$1" -outform DER | openssl dgst "-${2:-sha256}" -binary | _standin_b64url; }

# standin_jwt ALG KEY CERT AUD [EXP_SECONDS] [JTI] [ISS]: a client assertion.
standin_jwt()
{
    local now id=${7:-$STANDIN_CLIENT_ID} header jti=${6:-$(cat /proc/sys/kernel/random/uuid)} claims
    now=$(date +%s)
    header="{\"alg\":\"$1\",\"typ\":\"JWT\",\"x5t#S256\":\"$(standin_thumbprint "$3")\"}"
    claims="{\"aud\":\"$4\",\"iss\":\"$id\",\"sub\":\"$id\",\"jti\":\"$jti\",\"nbf\":$now,\"iat\":$now"
    standin_sign "$1" "$2" "$header" "$claims,\"exp\":$((now + ${5:-300}))}"
}

# standin_federated [SECONDS]: writes a new federated token to STANDIN_FEDERATED_FILE.
standin_federated()
{
    local now claims='"aud":"api://AzureADTokenExchange","iss":"https://idp.contoso.example","sub":"postern"'
    now=$(date +%s)
    claims="{$claims,\"nbf\":$now,\"iat\":$now,\"exp\":$((now + ${1:-3600}))}"
    (umask 077; standin_sign RS256 "$STANDIN_DIR/federated.key" '{"alg":"RS256","typ":"JWT"}' "$claims" \
        >"$STANDIN_FEDERATED_FILE.new") && mv "$STANDIN_FEDERATED_FILE.new" "$STANDIN_FEDERATED_FILE"
}

# standin_scenario FILE|JSON: replaces the scenario, all at once.
standin_scenario()
{
    case $1 in
    \{*) printf '%s\n' "$1" >"$STANDIN_DIR/scenario.new" ;;
    *) cat "$1" >"$STANDIN_DIR/scenario.new" ;;
    esac && mv "$STANDIN_DIR/scenario.new" "$STANDIN_DIR/scenario.json"
}

# standin_start [FILE|JSON]
standin_start()
{
    STANDIN_DIR=$(mktemp -d "${TMPDIR:-/tmp}/postern-standin.XXXXXX") || return 1
    "$STANDIN_HERE/make_ca.sh" "$STANDIN_DIR" || return 1
    STANDIN_CA=$STANDIN_DIR/ca.pem
    STANDIN_CLIENT_CERT=$STANDIN_DIR/client.pem STANDIN_CLIENT_KEY=$STANDIN_DIR/client.key
    STANDIN_CLIENT_P12=$STANDIN_DIR/client.p12 STANDIN_P12_PASS=$STANDIN_DIR/client.pass
    STANDIN_KEY_ENC=$STANDIN_DIR/client.enc.key
    STANDIN_OTHER_CERT=$STANDIN_DIR/other.pem STANDIN_OTHER_KEY=$STANDIN_DIR/other.key
    STANDIN_SECRET_FILE=$STANDIN_DIR/secret STANDIN_FEDERATED_FILE=$STANDIN_DIR/federated.token
    STANDIN_LOG=$STANDIN_DIR/requests.jsonl STANDIN_EVIL_LOG=$STANDIN_DIR/evil.jsonl
    standin_federated && standin_scenario "${1:-{\}}" || return 1
    /usr/bin/python3 "$STANDIN_HERE/standin.py" --dir "$STANDIN_DIR" --evil 2>"$STANDIN_DIR/stderr" </dev/null &
    STANDIN_PID=$!
    while [ ! -s "$STANDIN_DIR/port" ] && kill -0 "$STANDIN_PID" 2>/dev/null; do sleep 0.1; done
    if [ ! -s "$STANDIN_DIR/port" ]; then
        echo "the stand-in did not start:" >&2
        cat "$STANDIN_DIR/stderr" >&2
        standin_stop
        return 1
    fi
    STANDIN_PORT=$(<"$STANDIN_DIR/port") STANDIN_EVIL_PORT=$(<"$STANDIN_DIR/evil.port")
    STANDIN_PLAIN_PORT=$(<"$STANDIN_DIR/plain.port") STANDIN_PROXY_PORT=$(<"$STANDIN_DIR/proxy.port")
    STANDIN_URL=https://localhost:$STANDIN_PORT
}

standin_stop()
{
    if [ -n "$STANDIN_PID" ]; then
        kill "$STANDIN_PID" 2>/dev/null || true
        wait "$STANDIN_PID" 2>/dev/null || true
        STANDIN_PID=
    fi
    [ -z "$STANDIN_DIR" ] || rm -rf "$STANDIN_DIR"
    STANDIN_DIR=
}

# standin_requests [evil]: how many requests of each kind, one line each: "3 Get-CASMailbox".
standin_requests()
{
    local file=$STANDIN_LOG
    [ "${1:-}" != evil ] || file=$STANDIN_EVIL_LOG
    /usr/bin/python3 - "$file" <<'EOF'
import collections, json, sys
lines = [json.loads(line) for line in open(sys.argv[1], encoding="utf-8")]
counts = collections.Counter(line["cmdlet"] or line["kind"] for line in lines if line["event"] == "request")
for name, count in sorted(counts.items()):
    print(count, name)
EOF
}

# standin_forget: empties the records.
standin_forget() { : >"$STANDIN_LOG"; : >"$STANDIN_EVIL_LOG"; }
