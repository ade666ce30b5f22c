# shellcheck shell=bash disable=SC2086,SC2034 # lists of words; what those who source it use
# Shared by the scripts of bench/: made-up mailboxes, a configuration, servers that run until the script ends, the processor time
# and memory of whole families of processes, and rows of results. Sourced by bash scripts.
#
#   bench_begin [BUILD-DIRECTORY]     $build, $work (a folder that goes away in the end), $results
#   make_directory N                  N mailboxes, user0000000@contoso.example on, in $(directory_of N); $DIRECTORIES, if it
#                                     is set, is a folder where they stay for the next run
#   configure NAME DIRECTORY ...      $work/NAME.conf
#   serve NAME ADDRESS COMMAND...     starts a server, waits until it listens; ${server_pid[NAME]}, ${server_at[NAME]}
#   measure SUITE POINT NAME ROUND LOADER...   one row
#   unserve NAME
#
# A row of $results is SUITE POINT NAME ROUND, then KEY=VALUE..., all separated by tabs or blanks; bench/table.py reads them.

declare -A server_pid server_at

say() { printf '%s %s\n' "$(date +%T)" "$*" >&2; }
die() { say "$*"; exit 1; }

bench_begin()
{
    build=${1:-build/release}
    work=$(mktemp -d "${BENCH_TMP:-${TMPDIR:-/tmp}}/postern-bench.XXXXXX")
    chmod 755 "$work" # some peers drop privileges
    results=${RESULTS:-$work/results.tsv}
    trap 'bench_end' EXIT
    trap 'exit 1' INT TERM
}

bench_end()
{
    local name
    for name in "${!server_pid[@]}"; do unserve "$name"; done
    [ -z "${BENCH_KEEP:-}" ] && rm -rf "$work" ${memory:-} || say "kept $work"
}

field() { sed -n "s/.*\b$1=\([0-9.]*\).*/\1/p" <<<"$2"; }
median() { sort -n | awk '{ a[NR] = $1 } END { print a[int((NR + 1) / 2)] }'; }
ratio() { awk -v a="$1" -v b="$2" 'BEGIN { printf "%.3f\n", a / b }'; }

# ---- postern ----

directory_of() { echo "${DIRECTORIES:-$work}/directory.$1"; }

# Get-CASMailbox of made-up people, and the organization's setting.
make_directory()
{
    local d
    d=$(directory_of "$1")
    [ ! -d "$d" ] || return 0
    say "importing $1 mailboxes"
    mkdir -p "$d.in"
    awk -v n="$1" 'BEGIN {
        print "\"Guid\",\"PrimarySmtpAddress\",\"EmailAddresses\",\"OWAEnabled\",\"SmtpClientAuthenticationDisabled\""
        for (i = 0; i < n; i++)
            printf "\"0a7d6d2c-%04x-4b7e-9d55-%012x\",\"user%07d@contoso.example\",\"SMTP:user%07d@contoso.example smtp:u%d@contoso.example\",\"True\",\"False\"\n", i / 65536, i, i, i, i
    }' >"$d.in/cas.csv"
    echo '{ "JournalingReportNdrTo": "<>", "MaxSendSize": "Unlimited", "SmtpClientAuthenticationDisabled": true }' >"$d.in/transport.json"
    echo '[ { "DomainName": "contoso.example", "DomainType": "Authoritative", "MatchSubDomains": false, "Default": true } ]' >"$d.in/domains.json"
    "$build/postern-mirror" import -d "$d.in/directory" --tenant contoso "$d.in/cas.csv" "$d.in/transport.json" "$d.in/domains.json" \
        >"$d.in/log" 2>&1 || { cat "$d.in/log" >&2; die "importing $1 mailboxes failed"; }
    mv "$d.in/directory" "$d"
    rm -r "$d.in"
}

# A power of two, at least four times as many entries as three limits a mailbox need.
entries_for() { awk -v n="$1" 'BEGIN { for (e = 65536; e < 12 * n; e *= 2); print e }'; }

# Six limits of different kinds.
six_limits='
  { name = "a"; per = "user"; count = "messages"; rate = "100000/d"; burst = 1000000; },
  { name = "b"; per = "user"; count = "recipients"; rate = "100000/d"; burst = 1000000; },
  { name = "c"; per = "user"; count = "external recipients"; rate = "100000/d"; burst = 1000000; },
  { name = "d"; per = "client"; count = "messages"; rate = "10000000/m"; burst = 10000000; },
  { name = "e"; per = "sender_domain"; count = "messages"; rate = "10000000/m"; burst = 10000000; },
  { name = "f"; per = "tenant"; count = "bytes"; rate = "1000G/h"; burst = "1000G"; }'

# limits_of_login N: of each login its messages and its recipients, in turn. No two share an entry.
limits_of_login()
{
    awk -v n="$1" 'BEGIN { for (i = 1; i <= n; i++)
        printf "%s{ name = \"l%d\"; per = \"user\"; count = \"%s\"; rate = \"100000/d\"; burst = 1000000; }\n", (i > 1 ? "," : ""), i, (i % 2 ? "messages" : "recipients") }'
}

# configure NAME DIRECTORY MAILBOXES LIMITS: none of them ever refuses; those of logins are live for seconds, not at once empty.
configure()
{
    cat >"$work/$1.conf" <<END
directory = "$2";
state = { file = "$work/$1.state"; entries = $(entries_for "$3"); };
journal = "$work/$1.journal";
log = { to = "stderr"; };
tls = { required = false; };
preset = "none";
limits = ( $4 );
policyd = { listen = "unix:$work/$1.policyd"; workers = ${WORKERS:-1}; };
milter = { listen = "unix:$work/$1.milter"; };
sasl = { listen = "unix:$work/$1.sasl"; upstream = "unix:$work/floor"; };
END
}

# ---- servers ----

listens() { case $1 in /*) [ -S "$1" ] ;; *) (exec 3<>"/dev/tcp/${1%:*}/${1#*:}") 2>/dev/null ;; esac; }

free_port()
{
    local port
    while :; do
        port=$((20000 + (RANDOM * 32768 + RANDOM) % 12000))
        listens "127.0.0.1:$port" || { echo "$port"; return; }
    done
}

# As under a service manager: in a session of its own, with the share of the processor that CPUWeight= of postern's units stands
# for (here that of an autogroup, sched(7), whose nice levels are 1.25 apart), where that is allowed. The floor and the peers alike.
service=(setsid)
share=$(awk -F= '/^CPUWeight=/ { printf "%.0f", -log($2 / 100) / log(1.25) }' conf/systemd/postern-policyd.service)
# shellcheck disable=SC2016 # by the shell that it starts
with_share='echo "$0" >/proc/self/autogroup && exec "$@"'
setsid -w sh -c "$with_share" "$share" true 2>/dev/null && service+=(sh -c "$with_share" "$share")

# $pid_file is that of a server that leaves the foreground. What a server says it says to a reader, as under a service manager: a
# file that grows by a line a message would be measured with it. The beginning is kept.
serve()
{
    local name=$1 address=$2 i
    shift 2
    case $address in /*) rm -f "$address" ;; esac
    : >"$work/$name.log"
    "${service[@]}" "$@" >/dev/null 2> >(head -c 65536 >"$work/$name.log"; exec cat >/dev/null) &
    server_pid[$name]=$! server_at[$name]=$address
    for i in $(seq "${SERVE_TENTHS:-1800}"); do
        ! listens "$address" || break
        [ -n "${pid_file:-}" ] || kill -0 "${server_pid[$name]}" 2>/dev/null || break
        sleep 0.1
    done
    listens "$address" || { tail -n 20 "$work/$name.log" >&2; die "$name does not listen on $address"; }
    [ -z "${pid_file:-}" ] || server_pid[$name]=$(cat "$pid_file")
}

unserve()
{
    local pid=${server_pid[$1]:-}
    [ -n "$pid" ] || return 0
    unset "server_pid[$1]"
    kill "$pid" 2>/dev/null
    for _ in $(seq 100); do kill -0 "$pid" 2>/dev/null || break; sleep 0.1; done
    kill -9 "$pid" 2>/dev/null # libmilter has been seen to take a SIGTERM and stay
    wait "$pid" 2>/dev/null || :
}

# ---- what they cost ----

# A process and all that descend from it.
family()
{
    local roots=" $* "
    cat /proc/[0-9]*/stat 2>/dev/null | awk -v roots="$roots" '
        { pid = $1; sub(/^.*\) /, ""); parent[pid] = $2 }
        END { for (pid in parent) { for (p = pid; p > 1 && index(roots, " " p " ") == 0; p = parent[p]); if (p > 1) print pid } }'
}

# Processor time in microseconds, with that of children who have ended. 10 ms is the kernel's unit.
family_cpu_us()
{
    local pid
    for pid in $(family "$@"); do cat "/proc/$pid/stat" 2>/dev/null; done |
        awk -v hz="$(getconf CLK_TCK)" '{ sub(/^.*\) /, ""); n += $12 + $13 + $14 + $15 } END { printf "%.0f", n * 1e6 / hz }'
}

# "rss_mib=... anon_mib=...": what several processes share is counted once; anonymous is what no file stands behind.
family_memory()
{
    local pid
    for pid in $(family "$@"); do cat "/proc/$pid/smaps_rollup" 2>/dev/null; done |
        awk '/^Pss:/ { n += $2 } /^Pss_Anon:/ { a += $2 } END { printf "rss_mib=%.1f anon_mib=%.1f", n / 1024, a / 1024 }'
}

# measure SUITE POINT NAME ROUND LOADER...: each round draws other logins. The loader gets the address as its last argument.
# server_cpu_us is that of the whole family, and of what else $with_pids names. The row has the name $as, if it is set.
measure()
{
    local suite=$1 point=$2 name=$3 round=$4 before after out served
    shift 4
    before=$(family_cpu_us "${server_pid[$name]}" ${with_pids:-})
    out=$("$@" -s "$round" -p "${server_pid[$name]}" "${server_at[$name]}") || { tail -n 20 "$work/$name.log" >&2; die "$name: $out"; }
    after=$(family_cpu_us "${server_pid[$name]}" ${with_pids:-})
    served=$(awk -v a="$(field requests "$out")" -v b="$(field warmup "$out")" -v c="$(field messages "$out")" 'BEGIN { print a + b + c }')
    case " $out " in *" other=0 "* | *" refused=0 "*) ;; *) die "$name refused: $out" ;; esac
    printf '%s\t%s\t%s\t%s\t%s server_cpu_us=%s %s\n' "$suite" "$point" "${as:-$name}" "$round" "$out" \
        "$(ratio $((after - before)) "$served")" "$(family_memory "${server_pid[$name]}" ${with_pids:-})" >>"$results"
    say "  $suite $point ${as:-$name} $round: $(field "${out%%=*}" "$out") ${out%%=*}, $(field rps "$out")$(field mps "$out")/s, p99 $(field p99_us "$out") us"
}

# policyd_pairs SUITE STATE OTHER: of $rounds pairs with $mailboxes, what the policy server OTHER costs beside the one called "alone".
# shellcheck disable=SC2154 # whoever calls this has them
policyd_pairs()
{
    local round name alone_row other_row
    rm -f "$work/costs" "$work/p99s"
    for round in $(seq "$rounds"); do
        for name in $([ $((round % 2)) = 1 ] && echo alone "$3" || echo "$3" alone); do
            measure "$1" "$2" "$name" "$round" "$build/bench/policy_load" -c 16 -d 1 -m "$mailboxes"
            [ "$name" = alone ] && alone_row=$(tail -n 1 "$results") || other_row=$(tail -n 1 "$results")
        done
        ratio "$(field cpu_us "$other_row")" "$(field cpu_us "$alone_row")" >>"$work/costs"
        ratio "$(field p99_us "$other_row")" "$(field p99_us "$alone_row")" >>"$work/p99s"
    done
    echo "policyd, $2: processor time a request $(median <"$work/costs") times, p99 $(median <"$work/p99s") times that of the one beside it (medians of $rounds pairs)"
}
