#!/bin/bash
# Measures postern against the floor (servers that answer without thinking), in pairs within one run: floor, postern,
# floor, postern ... The figure is the median of the pairs' ratios, so that what else the machine does hits both.
#
#   bench/run.sh BUILD-DIRECTORY [policyd|milter|start]
#
# MAILBOXES=1000000 ROUNDS=5 SECONDS_EACH=4 CONNECTIONS=16
set -u
cd "$(dirname "$0")/.."
build=${1:-build/release}
what=${2:-all}
mailboxes=${MAILBOXES:-1000000} rounds=${ROUNDS:-5} each=${SECONDS_EACH:-4} connections=${CONNECTIONS:-16}
work=$(mktemp -d "${TMPDIR:-/tmp}/postern-bench.XXXXXX")
pid=
stop()
{
    [ -z "$pid" ] || { kill "$pid" 2>/dev/null && wait "$pid" 2>/dev/null; }
    pid=
}
trap 'stop; rm -rf "$work"' EXIT
trap 'exit 1' INT TERM

# Get-CASMailbox of made-up people, and the organization's setting.
make_directory()
{
    awk -v n="$mailboxes" 'BEGIN {
        print "\"Guid\",\"PrimarySmtpAddress\",\"EmailAddresses\",\"OWAEnabled\",\"SmtpClientAuthenticationDisabled\""
        for (i = 0; i < n; i++)
            printf "\"0a7d6d2c-%04x-4b7e-9d55-%012x\",\"user%07d@contoso.example\",\"SMTP:user%07d@contoso.example smtp:u%d@contoso.example\",\"True\",\"False\"\n", i / 65536, i, i, i, i
    }' >"$work/cas.csv"
    echo '{ "JournalingReportNdrTo": "<>", "MaxSendSize": "Unlimited", "SmtpClientAuthenticationDisabled": true }' >"$work/transport.json"
    echo '[ { "DomainName": "contoso.example", "DomainType": "Authoritative", "MatchSubDomains": false, "Default": true } ]' >"$work/domains.json"
    "$build/postern-mirror" import -d "$work/directory" --tenant contoso "$work/cas.csv" "$work/transport.json" "$work/domains.json" | tail -n 1
    rm "$work/cas.csv"
}

# Six limits, so high that nothing is refused.
configure()
{
    cat >"$work/postern.conf" <<END
directory = "$work/directory";
state = { file = "$work/state"; entries = 4194304; };
journal = "$work/journal";
log = { to = "stderr"; };
tls = { required = false; };
preset = "none";
limits = (
  { name = "a"; per = "user"; count = "messages"; rate = "1000000/m"; burst = 1000000; },
  { name = "b"; per = "user"; count = "recipients"; rate = "1000000/m"; burst = 1000000; },
  { name = "c"; per = "user"; count = "external recipients"; rate = "1000000/m"; burst = 1000000; },
  { name = "d"; per = "client"; count = "messages"; rate = "10000000/m"; burst = 10000000; },
  { name = "e"; per = "sender_domain"; count = "messages"; rate = "10000000/m"; burst = 10000000; },
  { name = "f"; per = "tenant"; count = "bytes"; rate = "1000G/h"; burst = "1000G"; }
);
policyd = { listen = "unix:$work/policyd.sock"; workers = 1; };
milter = { listen = "unix:$work/milter.sock"; };
END
}

await() { local i; for i in $(seq 500); do [ -S "$1" ] && return; sleep 0.01; done; cat "$work/log" >&2; exit 1; }

# serve SOCKET COMMAND...
serve()
{
    local socket=$1
    shift
    rm -f "$socket"
    "$@" >/dev/null 2>"$work/log" &
    pid=$!
    await "$socket"
}

field() { sed -n "s/.*\b$1=\([0-9.]*\).*/\1/p" <<<"$2"; }
median() { sort -n | awk '{ a[NR] = $1 } END { print a[int((NR + 1) / 2)] }'; }
ratio() { awk -v a="$1" -v b="$2" 'BEGIN { printf "%.3f", a / b }'; }
private_mib() { awk '/^Private_(Clean|Dirty)|^Private_Hugetlb/ { n += $2 } END { printf "%.1f", n / 1024 }' "/proc/$1/smaps_rollup"; }
# Anonymous memory, which is all that a mapping of shared files is not.
anonymous_mib() { awk '/^RssAnon/ { printf "%.1f", $2 / 1024 }' "/proc/$1/status"; }

# pairs NAME FIELD FLOOR-SOCKET FLOOR-COMMAND SOCKET COMMAND LOADER
pairs()
{
    local name=$1 per_second=$2 floor_socket=$3 floor=$4 socket=$5 server=$6 load=$7 i a b
    : >"$work/ratios" >"$work/p99s"
    for i in $(seq "$rounds"); do
        serve "$floor_socket" $floor
        a=$($load -p "$pid" "$floor_socket")
        stop
        serve "$socket" $server
        [ "$i" -gt 1 ] || $load "$socket" >/dev/null # the first reads the directory's pages into memory
        b=$($load -p "$pid" "$socket")
        [ "$i" -lt "$rounds" ] || memory="$(anonymous_mib "$pid") MiB anonymous"
        stop
        ratio "$(field "$per_second" "$b")" "$(field "$per_second" "$a")" >>"$work/ratios"
        echo >>"$work/ratios"
        ratio "$(field p99_us "$b")" "$(field p99_us "$a")" >>"$work/p99s"
        echo >>"$work/p99s"
        printf '  %s %d: floor %.0f/s p99 %.0f us, postern %.0f/s p99 %.0f us\n' "$name" "$i" "$(field "$per_second" "$a")" \
            "$(field p99_us "$a")" "$(field "$per_second" "$b")" "$(field p99_us "$b")"
    done
    printf '%s: %s of the floor per second, p99 %s times the floor'\''s (medians of %d pairs); %s\n' "$name" \
        "$(median <"$work/ratios")" "$(median <"$work/p99s")" "$rounds" "$memory"
}

first_answer()
{
    local i start
    : >"$work/starts"
    for i in $(seq 5); do
        rm -f "$work/policyd.sock"
        start=$(date +%s%N)
        "$build/postern-policyd" -c "$work/postern.conf" >/dev/null 2>"$work/log" &
        pid=$!
        "$build/bench/policy_load" -1 "$work/policyd.sock" >/dev/null || { cat "$work/log" >&2; exit 1; }
        echo $((($(date +%s%N) - start) / 1000000)) >>"$work/starts"
        stop
    done
    echo "policyd: first answer $(median <"$work/starts") ms after the start (median of 5)"
}

echo "directory: $(make_directory)"
configure
case $what in all | start) first_answer ;; esac
case $what in
all | policyd)
    pairs policyd rps "$work/floor.sock" "$build/bench/policy_floor $work/floor.sock" \
        "$work/policyd.sock" "$build/postern-policyd -c $work/postern.conf" \
        "$build/bench/policy_load -c $connections -d $each -m $mailboxes"
    ;;
esac
case $what in
all | milter)
    pairs milter mps "$work/floor.sock" "$build/bench/milter_floor -b $work/floor.sock" \
        "$work/milter.sock" "$build/postern-milter -c $work/postern.conf" \
        "$build/bench/milter_load -c $connections -d $each -m $mailboxes"
    ;;
esac
echo "counters: 16 bytes each"
