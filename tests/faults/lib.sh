# shellcheck shell=bash disable=SC2034 # what those who source it use
# For the tests of faults: a relay whose programs are started again when they end, load through its Postfix, and a judge who
# compares what clients were told with what arrived. Sourced by bash scripts in the top folder.
#
#   faults_relay [SETTINGS]   $T with its configuration: anna (60 messages a minute, 10 at once), cleo (3 a day), emma
#                             (2 a day, then blocked), dora (no limit), bert (forbidden), printers on 127.20.0.0/16
#   faults_start [--socket]   all programs; with --socket, connections wait while one is away
#   use_up, forgets_nothing   cleo at her limit of the day, emma blocked; and whether they still are
#   load [OPTIONS]            begins load (load.py run); load_end ends it
#   judge NAME [OPTIONS]      lets the queue run empty, then TAP lines
#   faults_end, faults_stop   ends the programs in good order and looks for what the sanitizers said
#
# Everything runs in a mount namespace of its own: what a test mounts goes with it. FAULTS=short makes it short.

[ -n "${FAULTS_INSIDE:-}" ] || FAULTS_INSIDE=1 exec unshare -m --propagation private "$PWD/tests/faults/$(basename "$0")" "$@"
. scripts/relay.sh
. tests/e2e/lib.sh
FAULTS=${FAULTS:-full}
HERE=tests/faults
T=
load_pid=
faults_pids=
FAULTS_WRAP=()

# freeze FOLDER: its filesystem stands still, until thaw.
frozen=
freeze() { frozen=$1; fsfreeze -f "$frozen"; }
thaw() { [ -z "$frozen" ] || fsfreeze -u "$frozen" 2>/dev/null; frozen=; }

faults_stop()
{
    local pid program
    thaw
    [ -z "$load_pid" ] || kill "$load_pid" 2>/dev/null
    for pid in $faults_pids; do kill -CONT "$pid"; kill -9 "$pid"; wait "$pid"; done 2>/dev/null
    for program in policyd milter sasl; do
        [ -z "$T" ] || [ ! -s "$T/$program.pid" ] || kill -CONT "$(cat "$T/$program.pid")" 2>/dev/null
    done
    [ -z "$T" ] || while mountpoint -q "$T/lib"; do umount -l "$T/lib"; done
    relay_stop
}
trap faults_stop EXIT

# much FULL SHORT: how many, how long. rounds FULL SHORT: how often chance is given its chance, FAULTS_TIMES as often in full.
much() { if [ "$FAULTS" = short ]; then echo "$2"; else echo "$1"; fi; }
rounds() { much $(($1 * ${FAULTS_TIMES:-1})) "$2"; }
full() { [ "$FAULTS" != short ]; }

faults_relay()
{
    make_relay '
        { name = "burst"; per = "user"; count = "messages"; rate = "60/m"; burst = 10; for = "logins";
          except = ( { user = "dora@contoso.example"; rate = "unlimited"; } ); },
        { name = "daily"; per = "user"; count = "messages"; rate = "unlimited"; for = "logins";
          except = ( { user = "cleo@contoso.example"; rate = "3/d"; burst = 3; } ); },
        { name = "flood"; per = "user"; count = "messages"; rate = "unlimited"; for = "logins"; then = "block 1h";
          except = ( { user = "emma@contoso.example"; rate = "2/d"; burst = 2; } ); }' \
        "connectors = ( { name = \"printers\"; networks = [\"127.20.0.0/16\"]; tenant = \"contoso\"; } ); ${1:-}"
    for i in 4 5; do
        echo "\"0a7d6d2c-0001-4b7e-9d55-00000000000$i\",\"$([ $i = 4 ] && echo dora || echo emma)@contoso.example\",\"True\",\"False\""
    done >>"$T/lib/cas.csv"
    faults_import
    # XCLIENT brings logins without TLS.
    RELAY_MAIN_CF="smtpd_tls_auth_only = no
minimal_backoff_time = 1s
maximal_backoff_time = 2s
queue_run_delay = 1s
${FAULTS_MAIN_CF:-}"
    PORTS=$SMTP:$SMTP25
}

faults_import() { relay_import --force --tenant contoso "$T/lib/cas.csv" "$T/lib/transport.json" >>"$T/mirror.log" 2>&1; }

# keep NAME COMMAND...: a program that is started again whenever it ends.
keep()
{
    local name=$1 socket=()
    shift
    [ -z "${KEEP_SOCKET:-}" ] || socket=(--socket "$T/run/$name.sock")
    relay_run "keep-$name" bash -c 'log=$1; shift; exec "$@" >>"$log" 2>&1' - "$T/$name.log" \
        python3 "$HERE/keep.py" "$T/$name.pid" "${socket[@]}" -- "$@"
}
relay_start_policyd()
{
    keep policyd "${FAULTS_WRAP[@]}" "$BIN/postern-policyd" -c "$T/postern.conf"
    relay_wait relay_listens_at "$T/run/policyd.sock"
}
relay_start_milter()
{
    keep milter "${FAULTS_WRAP[@]}" "$BIN/postern-milter" -c "$T/postern.conf"
    relay_wait relay_listens_at "$T/run/milter.sock"
}

faults_start()
{
    if [ "${1:-}" = --socket ]; then
        KEEP_SOCKET=1
        sed -i "s|\"unix:$T/run/[a-z]*.sock\"|\"fd:3\"|" "$T/postern.conf"
    fi
    relay_start both || exit 1
}
# faults_start_wrapped COMMAND...: the programs as that command's arguments (strace, faketime, prlimit).
faults_start_wrapped()
{
    # The leak check does not work beside strace.
    FAULTS_WRAP=(env ASAN_OPTIONS=detect_leaks=0 "$@")
    faults_start
    FAULTS_WRAP=()
}

# lib_on_ext4 FILE [MOUNT-OPTIONS]: $T/lib moves to an ext4 of its own in that file; $T/lib.copy stays as it was.
lib_on_ext4()
{
    truncate -s 64m "$1"
    mkfs.ext4 -q -F "$1"
    cp -a "$T/lib" "$T/lib.copy"
    mount -o "loop${2:+,$2}" "$1" "$T/lib"
    cp -a "$T/lib.copy/." "$T/lib"
}

pid_of() { cat "$T/$1.pid"; }
# kill_program SIGNAL NAME: the program, not its keeper. It may be away already.
kill_program() { kill "-$1" "$(pid_of "$2")" 2>/dev/null; }

# pause_random LEAST_MS MOST_MS
pause_random()
{
    local ms=$(($1 + RANDOM % ($2 - $1 + 1)))
    sleep "$((ms / 1000)).$(printf %03d $((ms % 1000)))"
}

load()
{
    rm -f "$T/load.end"
    python3 "$HERE/load.py" run "$PORTS" "$T/record" --until "$T/load.end" "$@" 2>>"$T/load.log" &
    load_pid=$!
}
load_end()
{
    : >"$T/load.end"
    wait "$load_pid" || { echo "not ok the load"; cat "$T/load.log"; status=1; }
    load_pid=
}
# load_for SECONDS [OPTIONS]
load_for() { load --seconds "$@"; wait "$load_pid"; load_pid=; }

# send KIND: the reply to one message.
send() { python3 "$HERE/load.py" one "$PORTS" "$1"; }

queue_empty() { [ -z "$(find "$T/queue/incoming" "$T/queue/active" "$T/queue/deferred" "$T/queue/maildrop" -type f 2>/dev/null)" ]; }
sends() { send "$1" | grep -q '^250'; }
# recovers [NAME]: without a hand, all is served again, and what is forbidden refused.
recovers()
{
    becomes "${1:-afterwards}: a login is served" 'send dora' '250*'
    becomes "${1:-afterwards}: a connector is served" 'send printer' '250*'
    becomes "${1:-afterwards}: what is forbidden is refused for good" 'send bert' '5*'
    becomes "${1:-afterwards}: so is another's From" 'send forged' '550*5.7.60*'
}

# Cleo sends what she may in a day, emma gets herself blocked; whatever happens then, both are remembered.
use_up()
{
    local i
    for i in 1 2 3; do is "cleo's message $i passes" "$(send cleo)" '250*'; done
    for i in 1 2; do is "emma's message $i passes" "$(send emma)" '250*'; done
    is 'the next one blocks emma' "$(send emma)" '550*5.1.8*'
    sleep 1.5 # the housekeeping
}
forgets_nothing()
{
    is "$1: the day's limit is remembered" "$(send cleo)" '451*4.7.1*'
    is "$1: so is the block" "$(send emma)" '550*5.1.8*'
}

judge()
{
    local name=$1
    shift
    postfix -c "$T/postfix" flush >/dev/null 2>&1
    relay_wait queue_empty || postqueue -c "$T/postfix" -p
    python3 "$HERE/load.py" judge "$T/record" "$T/sink" "$T/queue" --name "$name" "$@" || status=1
}

logged() { grep -q -e "$2" "$T/$1.log"; }
# Of its own: without the pages of files that it has mapped.
rss_kib() { awk '/^RssAnon/ { print $2 }' "/proc/$1/status"; }
descriptors() { find "/proc/$1/fd" -mindepth 1 2>/dev/null | wc -l; }
threads() { find "/proc/$1/task" -mindepth 1 -maxdepth 1 | wc -l; }

faults_end()
{
    local name
    for name in policyd milter sasl alert; do
        [ -s "$T/keep-$name.pid" ] || continue
        kill "$(cat "$T/keep-$name.pid")" 2>/dev/null
        wait "$(cat "$T/keep-$name.pid")" 2>/dev/null
    done
    is 'nothing came out of the sanitizers' "$(cat "$T"/*.log | grep -a 'ERROR: .*Sanitizer\|runtime error' | head -n 3)" ''
}
