# shellcheck shell=bash disable=SC2034 # whoever sources this exits with $status
# For end-to-end tests, and those of relays that share (tests/integration/cluster_lib.sh): a relay with two mailboxes and one limit, and a client. Sourced; needs scripts/relay.sh.
status=0
trap relay_stop EXIT
trap 'exit 1' INT TERM

# is WHAT GOT WANTED-PATTERN
is()
{
    # shellcheck disable=SC2254 # a pattern is what is wanted
    case $2 in
    $3) echo "ok $1" ;;
    *)
        echo "not ok $1"
        echo "    got \"$2\", expected \"$3\""
        for log in "$T"/*.log; do [ ! -s "$log" ] || tail -n 5 "$log" | sed "s|^|    $(basename "$log" .log): |"; done
        status=1
        ;;
    esac
}

# becomes WHAT COMMAND WANTED-PATTERN: what the command says shall become that, sooner or later.
becomes()
{
    local got end=$((SECONDS + RELAY_WAIT_S))
    while :; do
        got=$(eval "$2")
        # shellcheck disable=SC2254 # a pattern is what is wanted
        case $got in $3) break ;; esac
        [ $SECONDS -lt $end ] || break
        sleep 0.2
    done
    is "$1" "$got" "$3"
}

# make_relay LIMITS [SETTINGS]: contoso with anna and cleo (allowed) and bert (forbidden).
make_relay()
{
    relay_make "${BUILD:-build/asan}" || exit 1
    cat >"$T/postern.conf" <<END
directory = "$T/lib/directory";
state = { file = "$T/lib/state"; entries = 65536; };
journal = "$T/lib/journal";
log = { to = "stderr"; };
tls = { required = false; };
preset = "none";
limits = ( $1 );
policyd = { listen = "unix:$T/run/policyd.sock"; workers = 2; };
milter = { listen = "unix:$T/run/milter.sock"; };
${2:-}
END
    printf '%s:{PLAIN}secret\n' anna@contoso.example bert@contoso.example cleo@contoso.example >"$T/users"
    printf '%s\n' '"Guid","PrimarySmtpAddress","OWAEnabled","SmtpClientAuthenticationDisabled"' \
        '"0a7d6d2c-0001-4b7e-9d55-000000000001","anna@contoso.example","True","False"' \
        '"0a7d6d2c-0001-4b7e-9d55-000000000002","bert@contoso.example","True","True"' \
        '"0a7d6d2c-0001-4b7e-9d55-000000000003","cleo@contoso.example","True","False"' >"$T/lib/cas.csv"
    echo '{ "JournalingReportNdrTo": "<>", "MaxRecipientEnvelopeLimit": "500", "SmtpClientAuthenticationDisabled": true }' >"$T/lib/transport.json"
    relay_import --tenant contoso "$T/lib/cas.csv" "$T/lib/transport.json" >"$T/mirror.log" 2>&1 || { cat "$T/mirror.log"; exit 1; }
}

# submit LOGIN [SWAKS-OPTIONS]: the reply that decided.
submit()
{
    local login=$1
    shift
    swaks --server "127.0.0.1:$SMTP" --tls --auth PLAIN --auth-user "$login" --auth-password secret --from "$login" \
        --to guest@adatum.example --header "From: $login" --body 'made up' "$@" >"$T/transcript" 2>&1
    sed -n 's/^<\(\*\*\|~\*\) *\([45][0-9][0-9][ -].*\)/\2/p' "$T/transcript" | tail -n 1 | grep . ||
        sed -n 's/^<[~-] *\(250 2.0.0 Ok: queued\).*/\1/p' "$T/transcript"
}

restart()
{
    kill -9 "$(cat "$T/$1.pid")"
    wait "$(cat "$T/$1.pid")" 2>/dev/null
    "relay_start_$1"
}
