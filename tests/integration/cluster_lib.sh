# shellcheck shell=bash disable=SC2034 # whoever sources this exits with $status
# For tests of relays that share what they count: a Redis of their own, policy servers with a state each, a postern-cluster beside
# each of them. Sourced, from the tree's root; needs scripts/relay.sh. BUILD: the folder with programs.
# REDIS_SERVER, REDIS_CLI: valkey's, say.
build=$(realpath "${BUILD:-build/asan}")
REDIS_SERVER=${REDIS_SERVER:-redis-server} REDIS_CLI=${REDIS_CLI:-redis-cli}
if ! command -v "$REDIS_SERVER" >/dev/null; then
    echo "ok cluster # SKIP no $REDIS_SERVER"
    exit 0
fi
T=$(mktemp -d "${TMPDIR:-/tmp}/postern-cluster.XXXXXX")
chmod 755 "$T"
redis=
place="server = \"unix:$T/redis.sock\";"
# shellcheck source=tests/e2e/lib.sh
. tests/e2e/lib.sh
trap finish EXIT

finish()
{
    local pid
    for pid in "$T"/*.pid; do [ ! -e "$pid" ] || { kill -CONT "$(cat "$pid")"; kill "$(cat "$pid")"; } 2>/dev/null; done
    wait
    relay_give_back
    rm -rf "$T"
}

# at_most WHAT GOT MOST
at_most()
{
    if [ "$2" -le "$3" ]; then echo "ok $1 ($2)"; else is "$1" "$2" "at most $3"; fi
}

run()
{
    local name=$1
    shift
    "$@" >>"$T/$name.log" 2>&1 &
    echo $! >"$T/$name.pid"
}
stop()
{
    local pid
    pid=$(cat "$T/$1.pid") && rm -f "$T/$1.pid"
    kill "${2:--TERM}" "$pid" && wait "$pid" 2>/dev/null
}

redis_start()
{
    run redis "$REDIS_SERVER" --port 0 --unixsocket "$T/redis.sock" --save '' --appendonly no --dir "$T" --daemonize no "$@"
    relay_wait redis PING
}
redis() { "$REDIS_CLI" -s "$T/redis.sock" "$@"; }

# proxies NAME...: what stands between Redis and each of these relays.
proxies()
{
    local name
    for name; do
        mkdir -p "$T/$name"
        between "$name" pass
        run "proxy-$name" python3 tests/integration/cluster_proxy.py "$T/$name/redis.sock" "$T/redis.sock" "$T/$name/between"
        relay_wait relay_listens_at "$T/$name/redis.sock"
    done
    place="server = \"unix:$T/@/redis.sock\";"
}
# between NAME HOW: what happens there from now on (tests/integration/cluster_proxy.py).
between() { echo "$2" >"$T/$1/between.new" && mv "$T/$1/between.new" "$T/$1/between"; }

# relay NAME [KEY]: its folder, its configuration; the key is of the first unless given. Redis is at $place, settings of the group, in which
# @ is the name.
relay()
{
    mkdir -p "$T/$1"
    cat >"$T/$1/postern.conf" <<CONF
directory = "$T/directory"; state = { file = "$T/$1/state/state"; entries = 65536; }; journal = ""; spool = "$T/$1/spool";
log = { to = "stderr"; }; preset = "none"; tls = { required = false; };
limits = (
  { name = "user"; per = "user"; count = "messages"; rate = "12/h"; burst = 28; },
  { name = "roaming"; per = "user"; count = "distinct client_net"; rate = "1/h"; burst = 4; then = "${roaming:-reject}"; }${more_limits:-}
);
policyd = { listen = "unix:$T/$1/policyd.sock"; workers = 2; };
milter = { listen = ""; };
${alerts:-}
cluster = { ${place//@/$1} key_file = "${2:-$T/cluster.key}"; outbox = "$T/$1/outbox"; folder = "$T/$1/cluster"; node = "$1"; };
CONF
}
start()
{
    local name
    for name in "$@"; do
        run "policyd-$name" "$build/postern-policyd" -c "$T/$name/postern.conf"
        relay_wait relay_listens_at "$T/$name/policyd.sock"
        run "cluster-$name" "$build/postern-cluster" -c "$T/$name/postern.conf"
    done
}
# acl_of_manual USER PASSWORD: the line for this user of Redis, as the manual has it.
acl_of_manual()
{
    sed -n "/^user $1 on/,/^\.Ed/p" doc/postern-cluster.8 | sed '/^\.Ed/d' | tr '\n' ' ' | sed "s/>password/>$2/"
    echo
}
# again GROUP: relays a and b begin again, with these settings of their group "cluster" in place of what $place says.
again()
{
    local name
    for name in a b; do
        [ ! -e "$T/cluster-$name.pid" ] || stop cluster-$name
        : >"$T/cluster-$name.log"
        sed "s|^cluster = { .* key_file|cluster = { $1 key_file|" "$T/$name/postern.conf" >"$T/$name/cluster.conf"
        run cluster-$name "$build/postern-cluster" -c "$T/$name/cluster.conf"
    done
}
shares() { grep -c 'shares with the cluster' "$T/cluster-$1.log"; }
# used NAME LOGIN [LIMIT]: what the relay has of a login, in messages.
used()
{
    "$build/postern" -c "$T/$1/postern.conf" explain --user "$2" --client 203.0.113.9 --json 2>&1 |
        sed -n "s/.*\"limit ${3:-user}: \([0-9]*\) used.*/\1/p"
}
# agree LOGIN NAME...: do these relays have the same of it? A message more or less may just have drained.
agree()
{
    local name
    for name in "${@:2}"; do used "$name" "$1"; done | sort -n | awk 'NR == 1 { least = $1 } { n++; most = $1 } END { print n && most - least <= 1 ? "agreed" : least " to " most }'
}
# own NAME NUMBER: what a relay says of itself in that.
own() { jq -r ".own.$2" "$T/$1/cluster.json" 2>/dev/null; }
ask() { python3 tests/integration/cluster_ask.py "$@"; }
login()
{
    n=$((${n:-0} + 1))
    who=user$n@contoso.example
}

cluster_directory()
{
    local i
    {
        echo '"Guid","PrimarySmtpAddress","OWAEnabled","SmtpClientAuthenticationDisabled"'
        for i in $(seq 60); do printf '"0a7d6d2c-0001-4b7e-9d55-%012d","user%d@contoso.example","True","False"\n' "$i" "$i"; done
    } >"$T/cas.csv"
    echo '{ "JournalingReportNdrTo": "<>", "MaxRecipientEnvelopeLimit": "500", "SmtpClientAuthenticationDisabled": true }' >"$T/transport.json"
    "$build/postern-mirror" import -d "$T/directory" --tenant contoso "$T/cas.csv" "$T/transport.json" >"$T/mirror.log" 2>&1 ||
        { cat "$T/mirror.log"; exit 1; }
}

# Relays with these names, the first of which makes the key; their states have its secret, and they share.
cluster_make()
{
    local name
    cluster_directory
    for name in "$@"; do relay "$name"; done
    "$build/postern-cluster" init -c "$T/$1/postern.conf" >>"$T/cli.log" 2>&1 || { cat "$T/cli.log"; exit 1; }
    for name in "${@:2}"; do "$build/postern-cluster" join -c "$T/$name/postern.conf" >>"$T/cli.log" 2>&1 || { cat "$T/cli.log"; exit 1; }; done
    start "$@"
    for name in "$@"; do relay_wait shares "$name"; done
}
