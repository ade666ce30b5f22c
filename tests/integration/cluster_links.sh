#!/bin/bash
# How a relay reaches Redis: UNIX socket, TCP, TLS whose certificate must be right, a user of Redis with few rights; and what a Redis
# can do that is full, lies, or is none. TAP lines. BUILD: the folder with programs.
set -u
cd "$(dirname "$0")/../.." || exit 1
. scripts/relay.sh
. tests/integration/cluster_lib.sh
cluster_directory
for name in a b; do relay $name; done
"$build/postern-cluster" init -c "$T/a/postern.conf" >>"$T/cli.log" 2>&1
"$build/postern-cluster" join -c "$T/b/postern.conf" >>"$T/cli.log" 2>&1
for name in a b; do
    run policyd-$name "$build/postern-policyd" -c "$T/$name/postern.conf"
    relay_wait relay_listens_at "$T/$name/policyd.sock"
done

# shared WHAT: what one counts, the other knows.
shared()
{
    login
    becomes "$1" "shares a; shares b" '1*1'
    ask steal $who 1 "$T/a/policyd.sock" >/dev/null
    becomes "$1: what one counts, the other knows" "ask once $who $T/b/policyd.sock" '4*'
}

# ---- places ----
port=$(relay_free_port) tls=$(relay_free_port)
openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj '/CN=ca' -keyout "$T/ca.key" -out "$T/ca.pem" 2>/dev/null
openssl req -newkey rsa:2048 -nodes -subj '/CN=redis' -keyout "$T/redis.key" -out "$T/redis.csr" 2>/dev/null
openssl x509 -req -in "$T/redis.csr" -CA "$T/ca.pem" -CAkey "$T/ca.key" -days 2 -out "$T/redis.pem" \
    -extfile <(echo 'subjectAltName = DNS:localhost, DNS:redis.contoso.example') 2>/dev/null
openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj '/CN=other' -keyout "$T/other.key" -out "$T/other.pem" 2>/dev/null
printf 'a-password-of-redis\n' >"$T/password"
printf 'wrong\n' >"$T/wrong"
chmod 600 "$T/password" "$T/wrong"
# As the manual says.
{
    echo 'user default off'
    echo 'user admin on nopass ~* &* +@all'
    acl_of_manual postern a-password-of-redis
} >"$T/users.acl"
redis_begin()
{
    run redis "$REDIS_SERVER" --port 0 --unixsocket "$T/redis.sock" --save '' --dir "$T" --bind 127.0.0.1 --tls-port "$tls" --tls-cert-file "$T/redis.pem" \
        --tls-key-file "$T/redis.key" --tls-ca-cert-file "$T/ca.pem" --tls-auth-clients no --aclfile "$T/users.acl" "$@"
    relay_wait redis PING
}
redis() { "$REDIS_CLI" -s "$T/redis.sock" --user admin --pass x --no-auth-warning "$@"; }
redis_begin --port "$port"
signed_in="user = \"postern\"; password_file = \"$T/password\";"
again "server = \"unix:$T/redis.sock\"; $signed_in"
shared 'a UNIX socket, with the rights that the manual names'
# lacks RIGHT WORDS
lacks()
{
    redis ACL SETUSER postern "-$1" >>"$T/cli.log"
    again "server = \"unix:$T/redis.sock\"; $signed_in"
    becomes "without +$1 the relays share all else" 'shares a; shares b' '1*1'
    login
    "$build/postern" -c "$T/a/postern.conf" block user $who --for 1h >>"$T/cli.log" 2>&1
    becomes 'and say what is refused' "grep -c 'Redis refuses $2.*NOPERM.*$1' $T/cluster-a.log" 1
    becomes 'which is no good state' "\"$build/postern-cluster\" status -c $T/a/cluster.conf 2>&1 | grep -c 'not all is shared: Redis refuses .*NOPERM'" 1
    redis ACL SETUSER postern "+$1" >>"$T/cli.log"
    becomes 'with the right what waited is told' "ask once $who $T/b/policyd.sock" '5*'
    becomes 'and all is well' "\"$build/postern-cluster\" status -c $T/a/cluster.conf >>$T/cli.log 2>&1 && echo well" well
}
lacks xadd 'blocks, lifts and marks'
lacks subscribe 'SUBSCRIBE'
lacks hscan 'HSCAN'
again "server = \"127.0.0.1:$port\"; $signed_in"
shared 'TCP on loopback, without TLS'
again "server = \"localhost:$tls\"; tls = \"always\"; ca_file = \"$T/ca.pem\"; $signed_in"
shared 'TLS, by a name'
again "server = \"127.0.0.1:$tls\"; tls = \"always\"; ca_file = \"$T/ca.pem\"; $signed_in"
becomes 'a certificate for another name is refused' "grep -c 'no connection to Redis (IP address mismatch)' $T/cluster-a.log" 1
again "server = \"localhost:$tls\"; tls = \"always\"; ca_file = \"$T/other.pem\"; $signed_in"
becomes 'so is one of another authority' "grep -c 'no connection to Redis (.*certificate' $T/cluster-a.log" 1
again "server = \"localhost:$tls\"; tls = \"never\"; $signed_in"
becomes 'a relay that speaks no TLS gets nowhere there' "grep -c 'no connection to Redis' $T/cluster-a.log" 1
again "server = \"unix:$T/redis.sock\"; user = \"postern\"; password_file = \"$T/wrong\";"
becomes 'a wrong password is said' "grep -c 'WRONGPASS' $T/cluster-a.log" 1
is 'and never shown' "$(grep -c 'wrong$\|a-password' "$T"/cluster-?.log | grep -vc ':0$')" 0
chmod 644 "$T/wrong"
is 'a password that others may read is refused' "$("$build/postern-cluster" -c "$T/a/cluster.conf" 2>&1)" '*others may open it*chmod o=*'
kill -USR1 "$(cat "$T/cluster-a.pid")"
becomes 'and a service that is to read its configuration again goes on without it' "grep -c 'reload refused.*others may open it' $T/cluster-a.log; kill -0 $(cat "$T/cluster-a.pid") && echo runs" '1*runs'

# ---- a Redis that is full, or read only ----
again "server = \"unix:$T/redis.sock\"; $signed_in"
becomes 'back again' 'shares a; shares b' '1*1'
redis CONFIG SET maxmemory 1 >>"$T/cli.log"
login
is 'with a full Redis messages pass' "$(ask once $who "$T/a/policyd.sock")" DUNNO
becomes 'and the relay says what is wrong' "grep -c 'Redis refuses what this relay counted.*OOM' $T/cluster-a.log" 1
redis CONFIG SET maxmemory 0 >>"$T/cli.log"
shared 'when it has room again'
redis REPLICAOF 127.0.0.1 1 >>"$T/cli.log"
login
ask steal $who 1 "$T/a/policyd.sock" >/dev/null
becomes 'a replica that takes nothing is said' "grep -c 'READONLY' $T/cluster-a.log | sed s/[1-9][0-9]*/some/" some
redis REPLICAOF NO ONE >>"$T/cli.log"
becomes 'what was counted meanwhile arrives' "ask once $who $T/b/policyd.sock" '4*'
redis ACL SETUSER postern -time >>"$T/cli.log"
login
ask steal $who 1 "$T/a/policyd.sock" >/dev/null
becomes 'that its user may not run a command of the script is said' "grep -c 'Redis refuses what this relay counted.*user executing' $T/cluster-a.log" 1
sleep 23 # what Redis can never take is given up after 20 seconds
redis ACL SETUSER postern +time >>"$T/cli.log"
becomes 'and nothing is given up for that' "ask once $who $T/b/policyd.sock" '4*'
stop redis

# ---- a batch is counted once ----
redis_begin
again "server = \"unix:$T/redis.sock\"; $signed_in"
shared 'with an empty Redis'
login
ask once $who "$T/a/policyd.sock" >/dev/null
becomes 'a message is counted' 'redis --scan --pattern "postern:{??}:*" | wc -l' '[1-9]*'
python3 tests/integration/cluster_script.py "$T/redis.sock" admin x || status=1
stop redis

# ---- a Redis that lies, or is none ----
lies()
{
    rm -f "$T/redis.sock"
    run stub python3 tests/integration/cluster_stub.py "$T/redis.sock" "$1"
    relay_wait test -S "$T/redis.sock"
    again "server = \"unix:$T/redis.sock\";"
}
for how in forgets knows; do
    lies $how
    becomes "a Redis that lies ($how)" 'shares a; shares b' '1*1'
    login
    # shellcheck disable=SC2086 # two paths
    got=$(ask steal $who 2 "$T/a/policyd.sock" "$T/b/policyd.sock")
    at_most "lets nobody have more than each relay's own limit: $got" "${got%% *}" 57
    before=$(own a keys)
    sleep 4
    at_most 'and is told what it forgets with each flush, not with each reply' $(($(own a keys) - before)) 5000
    login
    for net in 1 2 3 4 5 6 7 8; do ask once $who "$T/a/policyd.sock" "198.51.$((100 + net)).1"; sleep 0.3; done >"$T/travel"
    is 'nor more networks' "$(grep -c DUNNO "$T/travel")" 4
    stop stub
done
lies most
becomes 'a Redis that says that all is full' 'shares a' 1
login
ask once $who "$T/a/policyd.sock" >/dev/null
becomes 'has those refused that send' "ask once $who $T/a/policyd.sock" '[45]*'
is 'and nobody for longer than twice the burst' "$(sed -n "s/.*login=$who.*limit=user retry=\([0-9]*\).*/\1/p" "$T/policyd-a.log" | awk '$1 > 2 * 28 * 300 { print }')" ''
stop stub
for how in garbage huge deep endless; do
    lies $how
    login
    is "while something that is no Redis is in its place ($how) messages pass" "$(ask once $who "$T/a/policyd.sock")" DUNNO
    becomes 'and the relay says so' "grep -c 'no connection to Redis (Redis sent' $T/cluster-a.log" 1
    is 'and goes on' "$(kill -0 "$(cat "$T/cluster-a.pid")" && echo yes)" yes
    stop stub
done

is 'nothing was wrong in their memory' "$(grep -l 'ERROR: \|runtime error' "$T"/*.log)" ''
exit $status
