#!/bin/bash
# The demonstration of several relays that count as one: three Postfix on loopback, each with a policy server and a postern-cluster,
# behind one haproxy that tells them the clients' addresses (PROXY protocol), and one Redis, which is killed in the middle. Real
# messages, and a table of what was done and what each relay let through. Non-zero if any line differs from what is promised.
#
#   scripts/demo-cluster.sh [-b DIRECTORY-OF-PROGRAMS]
set -u
cd "$(dirname "$0")/.." || exit 1
. scripts/demo/lib.sh

relays='relay1 relay2 relay3' burst=28 places=12 persons=6
bound=
failed=0 shown=0
declare -A port
trap 'exit 1' INT TERM
demo_logs() { (cd "$T" && ls -- *.log */policyd.log */cluster.log */postfix.log 2>/dev/null); }

# ---- the machinery ----

people()
{
    local i
    echo '"Guid","PrimarySmtpAddress","OWAEnabled","SmtpClientAuthenticationDisabled"'
    for i in $(seq 0 $((persons - 1))); do printf '"0a7d6d2c-0001-4b7e-9d55-%012d","person%d@contoso.example","True","False"\n' "$i" "$i"; done
    for i in app1 app2 app3 app4 bert carl; do
        printf '"0a7d6d2c-0002-4b7e-9d55-%012x","%s@contoso.example","True","False"\n' $((0x$(printf %s "$i" | od -An -tx1 | tr -d ' \n'))) $i
    done
}

import()
{
    people >"$T/lib/casmailbox.csv"
    echo '{ "JournalingReportNdrTo": "<>", "MaxRecipientEnvelopeLimit": "500", "SmtpClientAuthenticationDisabled": true }' >"$T/lib/transport.json"
    relay_import --tenant contoso "$T/lib/casmailbox.csv" "$T/lib/transport.json" >>"$T/mirror.log" 2>&1 || fail 'the import failed'
    people | sed -n '2,$s/^[^,]*,"\([^"]*\)".*/\1:{PLAIN}secret/p' >"$T/users"
}

# The same on all relays; so are the directory and the passwords.
configure()
{
    cat >"$T/$1/postern.conf" <<END
unauthenticated = "reject";
directory = "$T/lib/directory";
state = { file = "$T/$1/lib/state"; entries = 65536; };
journal = "";
spool = "$T/$1/lib/spool";
log = { to = "stderr"; };
tls = { required = false; };
preset = "none";
limits = ( { name = "sending"; per = "user"; count = "messages"; rate = "12/h"; burst = $burst; then = "defer"; } );
policyd = { listen = "unix:$T/$1/run/policyd.sock"; workers = 2; };
milter = { listen = ""; };
cluster = { server = "unix:$T/redis.sock"; node = "$1"; key_file = "$T/$1/cluster.key"; outbox = "$T/$1/run/outbox"; folder = "$T/$1/lib/cluster"; };
END
}

# start_relay NAME PORT: its policy server and its Postfix, which takes submissions at that port, from haproxy alone.
start_relay()
{
    local base=$T T=$T/$1 SMTP SMTP25
    SMTP=$(relay_free_port) SMTP25=$(relay_free_port)
    relay_folders
    cp "$base/cert.pem" "$base/key.pem" "$T"
    relay_start_policyd || return 1
    RELAY_MASTER_CF=$(sed -n '/^submission /,/^$/p' conf/postfix/master.cf | sed -e "s|^submission |127.0.0.1:$2 |" \
        -e "s|smtpd_sasl_path=.*|smtpd_sasl_path=unix:$base/queue/private/auth|" \
        -e '/smtpd_milters=/s|.*|  -o smtpd_upstream_proxy_protocol=haproxy|')$'\n' \
        RELAY_MAIN_CF="myhostname = $1.contoso.example" relay_start_postfix policyd
}

listen()
{
    port[$1]=$(relay_free_port)
    printf 'listen %s\n    bind 127.0.0.1:%s\n    balance roundrobin\n' "$1" "${port[$1]}"
}

# One port for all relays in turn, and one for each.
start_haproxy()
{
    local name
    {
        printf 'defaults\n    mode tcp\n    timeout connect 10s\n    timeout client 120s\n    timeout server 120s\n'
        listen relays
        for name in $relays; do echo "    server $name 127.0.0.1:${behind[$name]} send-proxy-v2"; done
        for name in $relays; do
            listen "$name"
            echo "    server $name 127.0.0.1:${behind[$name]} send-proxy-v2"
        done
    } >"$T/haproxy.cfg"
    relay_run haproxy haproxy -db -f "$T/haproxy.cfg"
    for name in "${!port[@]}"; do relay_wait relay_listens "${port[$name]}" || return 1; done
}

start_redis()
{
    relay_run redis redis-server --port 0 --unixsocket "$T/redis.sock" --save '' --appendonly no --dir "$T"
    redis=$relay_pid
    relay_wait redis-cli -s "$T/redis.sock" PING
}

postern() { "$BIN/postern" -c "$T/$1/postern.conf" "${@:2}" >>"$T/cli.log" 2>&1; }
cluster() { "$BIN/postern-cluster" "$2" -c "$T/$1/postern.conf"; }
# logged WORDS N: has each relay's postern-cluster said so N times?
logged()
{
    local name
    for name in $relays; do [ "$(grep -c "$1" "$T/$name/cluster.log")" -ge "$2" ] || return 1; done
}
# Does each relay share, and know all of them?
sharing()
{
    local name
    for name in $relays; do [ "$(cluster "$name" status | grep -c ' shares, ')" -eq 3 ] || return 1; done
}

# blocked WHO N: have N of the relays that login blocked? News takes a moment, and longer on a busy machine.
blocked()
{
    local name count=0
    for name in $relays; do
        "$BIN/postern" -c "$T/$name/postern.conf" blocks --json | grep -q "user $1@contoso.example" && count=$((count + 1))
    done
    [ "$count" -eq "$2" ]
}

start_cluster()
{
    local T=$T/$1
    relay_run cluster "$BIN/postern-cluster" -c "$T/postern.conf"
}

join()
{
    local name
    cluster relay1 init >>"$T/cli.log" 2>&1 || fail 'init failed'
    for name in relay2 relay3; do
        cp -p "$T/relay1/cluster.key" "$T/$name/cluster.key"
        cluster "$name" join >>"$T/cli.log" 2>&1 || fail "join failed at $name"
    done
    for name in $relays; do start_cluster "$name"; done
    relay_wait sharing || fail 'the relays do not share'
}

# ---- the table ----

part() { printf '\n%s\n' "$*"; }
row() { printf '%-50s %6s %6s %6s %5s  %s\n' "$@"; }

# line WHAT PROMISED FIRST SECOND THIRD SUM MARK
line()
{
    shown=$((shown + 1))
    [ -z "$7" ] || failed=$((failed + 1))
    row "$(printf '%2d' "$shown"). $1" "$3" "$4" "$5" "$6" "$2$7"
}

# arrived N: so many messages more are at the sink.
arrived() { [ "$(relay_arrived)" -ge $((before + $1)) ]; }
# What a relay let through arrives in the place of Exchange Online, and nothing else.
at_sink()
{
    relay_wait arrived "$1"
    [ "$(relay_arrived)" -eq $((before + $1)) ] || echo '  <-- wrong at the sink'
}

# mail: one message of each person, by whichever relay haproxy chooses.
mail()
{
    local a b c sum mark=
    before=$(relay_arrived)
    # shellcheck disable=SC2086 # names
    read -r a b c < <(python3 scripts/demo/submit.py people "${port[relays]}" $persons $relays)
    sum=$((a + b + c))
    [ $sum -eq $persons ] || mark='  <-- not kept'
    line "mail of $persons people" 'all of it' "$a" "$b" "$c" $sum "$mark$(at_sink $sum)"
}

# stolen LOGIN LEAST MOST PROMISED: its password is stolen, and used from all places at once. Sets $passed and
# $seconds, until the last that passed.
stolen()
{
    local a b c mark=
    before=$(relay_arrived)
    # shellcheck disable=SC2086 # names
    read -r a b c seconds < <(python3 scripts/demo/submit.py steal "${port[relays]}" "$1@contoso.example" $places $relays)
    passed=$((a + b + c))
    [ $passed -ge "$2" ] && [ $passed -le "$3" ] || mark='  <-- not kept'
    line "$1 is stolen: $places places send; over in $seconds s" "$4" "$a" "$b" "$c" $passed "$mark$(at_sink $passed)"
}

# What is promised of a stolen login (postern-cluster(8)): the burst, and what each relay takes from one login in the tenth of a
# second that news takes. That is as fast as it was taken before, and at least a hundred a second.
bound_of() { awk -v burst=$burst -v rate="$(awk -v s="$seconds" -v n=$passed 'BEGIN { print n / 3 / (s > 0.1 ? s : 0.1) }')" '
    BEGIN { most = int((rate > 100 ? rate : 100) * 0.11); print burst + 3 * (most < burst ? most : burst) }'; }

# at_each WHAT PROMISED LOGIN CODES: one message at each relay.
at_each()
{
    local name codes='' passes mark=
    before=$(relay_arrived)
    for name in $relays; do
        codes="$codes $(python3 scripts/demo/submit.py once "${port[$name]}" "$3@contoso.example" 127.9.9.9 | sed 's/.* //')"
    done
    [ "$codes" = " $4" ] || mark="  <-- not kept: $4"
    passes=$(grep -o 250 <<<"$codes" | wc -l)
    # shellcheck disable=SC2086 # three words
    line "$1" "$2" $codes "$passes" "$mark$(at_sink "$passes")"
}

# What one relay says of all at this moment, for below the table.
note()
{
    case $1 in as*) relay_wait sharing || fail 'the relays do not know each other' ;; esac
    {
        printf '\n$ postern-cluster status      # at relay1, %s\n' "$1"
        cluster relay1 status
    } >>"$T/said" 2>&1
}

table()
{
    # shellcheck disable=SC2086 # names
    row 'what was done' $relays all promised
    row "$(printf '%0.s-' {1..50})" ------ ------ ------ ----- -----------------------

    part 'Each relay for itself'
    mail
    stolen app1 $((3 * burst)) $((3 * burst + 3)) "3 x the burst of $burst"
    alone=$passed bound=$(bound_of)

    start_redis || fail 'Redis did not start'
    join
    part 'postern-cluster init at relay1, join at relay2 and relay3'
    mail
    stolen app2 $burst "$bound" "$burst to $bound"
    together=$passed
    at_each 'app2 once more, at each relay' 'refused by each' app2 '451 451 451'
    postern relay1 block user bert@contoso.example --for 1h
    relay_wait blocked bert 3
    at_each 'blocked at relay1: a message of bert at each' 'refused by each' bert '550 550 550'
    postern relay3 unblock user bert@contoso.example
    relay_wait blocked bert 0
    at_each 'unblocked at relay3' 'let through by each' bert '250 250 250'
    note 'as one'

    kill -KILL "$redis"
    wait "$redis" 2>/dev/null
    relay_wait logged 'no connection to Redis' 1 || fail 'nobody noticed'
    part 'Redis is killed'
    mail
    stolen app3 $((3 * burst)) $((3 * burst + 3)) "each relay's own limit"
    postern relay2 block user carl@contoso.example --for 1h
    at_each 'blocked at relay2: a message of carl at each' 'refused by that one' carl '250 550 250'
    note 'without Redis'

    start_redis || fail 'Redis did not start again'
    relay_wait logged 'has forgotten' 1 && relay_wait sharing || fail 'the relays do not share again'
    part 'Redis is started again, and is empty'
    relay_wait blocked carl 3
    at_each 'a message of carl at each' 'refused by each' carl '550 550 550'
    at_each 'app3 once more, at each relay' 'refused by each' app3 '451 451 451'
    stolen app4 $burst "$bound" "$burst to $bound"
    again=$passed
    mail
    note 'as one again'
}

relay_make "$programs" || exit 1
import
declare -A behind
for name in $relays; do
    behind[$name]=$(relay_free_port)
    mkdir "$T/$name"
    configure "$name"
done
relay_start_sink && relay_start_dovecot || fail 'sink or Dovecot did not start'
for name in $relays; do start_relay "$name" "${behind[$name]}" || fail "$name did not start"; done
start_haproxy || fail 'haproxy did not start'
table
echo
if [ "$failed" -gt 0 ]; then
    echo "$failed of $shown lines differ from what is promised"
    [ -z "${DEMO_VERBOSE:-}" ] || fail 'see above'
    exit 1
fi
cat <<END
All $shown lines are as promised. A stolen login had $alone messages through three relays that each count for
themselves, and $together and $again through the same three as one. At most $bound are promised: the burst of $burst,
and what three relays take from one login in the tenth of a second that news of it takes.
END
cat "$T/said"
echo
echo 'What relay1 logged when Redis was killed, and when it was back (alerts tell people after a minute):'
sed -n 's/^.*: *\(no connection to Redis.*\|.*has forgotten.*\)/\1/p' "$T/relay1/cluster.log" | fold -s -w 96 | sed 's/^/    /; s/ *$//'
echo
echo 'What next: "Two relays" in README.md leads to relays of your own that count as one.'
