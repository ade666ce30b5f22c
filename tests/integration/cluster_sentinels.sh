#!/bin/bash
# Relays that find Redis by Sentinels: a master with a replica, three Sentinels. The master dies, and hangs; a Sentinel is gone, lies,
# or knows nothing. TAP lines. BUILD: the folder with programs.
set -u
cd "$(dirname "$0")/../.." || exit 1
. scripts/relay.sh
. tests/integration/cluster_lib.sh
printf 'a-password-of-redis\n' >"$T/password"
printf 'a-password-of-sentinels\n' >"$T/sentinel-password"
chmod 600 "$T/password" "$T/sentinel-password"
# As the manual says.
{
    echo 'user default off'
    echo 'user admin on >x ~* &* +@all'
    acl_of_manual postern a-password-of-redis
} >"$T/redis.acl"
{
    echo 'user default off'
    echo 'user admin on >x ~* &* +@all'
    acl_of_manual relay a-password-of-sentinels
} >"$T/sentinel.acl"
redis1=$(relay_free_port) redis2=$(relay_free_port)
sentinel1=$(relay_free_port) sentinel2=$(relay_free_port) sentinel3=$(relay_free_port)
redis_at() { "$REDIS_CLI" -p "$1" --user admin --pass x --no-auth-warning "${@:2}"; }
# server N [OPTION...]: also at ::1, which may be what "localhost" is
server()
{
    local port=redis$1
    mkdir -p "$T/redis-$1"
    run "redis-$1" "$REDIS_SERVER" --bind 127.0.0.1 -::1 --port "${!port}" --dir "$T/redis-$1" --save '' --aclfile "$T/redis.acl" --masteruser admin \
        --masterauth x --repl-diskless-sync-delay 0 "${@:2}"
    relay_wait redis_at "${!port}" PING
}
# sentinel N HOST PORT [LINE...]
sentinel()
{
    local port=sentinel$1
    mkdir -p "$T/sentinel-$1"
    cp "$T/sentinel.acl" "$T/sentinel-$1/users.acl"
    printf '%s\n' 'bind 127.0.0.1' "port ${!port}" "dir $T/sentinel-$1" "aclfile $T/sentinel-$1/users.acl" 'sentinel sentinel-user admin' \
        'sentinel sentinel-pass x' "${@:4}" "sentinel monitor postern $2 $3 2" 'sentinel auth-user postern admin' 'sentinel auth-pass postern x' \
        'sentinel down-after-milliseconds postern 1500' 'sentinel failover-timeout postern 4000' >"$T/sentinel-$1/conf"
    run "sentinel-$1" "$REDIS_SERVER" "$T/sentinel-$1/conf" --sentinel
}
# master_is PORT: by all Sentinels that run
master_is()
{
    local i port
    for i in 1 2 3; do
        port=sentinel$i
        [ ! -e "$T/sentinel-$i.pid" ] || [ "$(redis_at "${!port}" SENTINEL get-master-addr-by-name postern | tail -1)" = "$1" ] || return 1
    done
}
knows_all() { redis_at "$1" SENTINEL master postern | tr '\n' ' ' | grep -q 'num-slaves 1 .*num-other-sentinels 2 '; }
replicates() { redis_at "$1" INFO replication | grep -q 'master_link_status:up'; }
# known WHAT FROM TO: what one counts, the other knows.
known()
{
    login
    ask steal $who 1 "$T/$2/policyd.sock" >/dev/null
    becomes "$1" "ask once $who $T/$3/policyd.sock" '4*'
}
moved() { grep -c "by what the Sentinels say, Redis is at 127.0.0.1, port $2" "$T/cluster-$1.log"; }

server 1
server 2 --replicaof 127.0.0.1 "$redis1"
relay_wait replicates "$redis2"
for i in 1 2 3; do sentinel $i 127.0.0.1 "$redis1"; done
for port in $sentinel1 $sentinel2 $sentinel3; do relay_wait knows_all "$port"; done
signed_in="user = \"postern\"; password_file = \"$T/password\";"
sentinels="sentinel_name = \"postern\"; sentinel_user = \"relay\"; sentinel_password_file = \"$T/sentinel-password\"; $signed_in"
place="sentinels = [\"127.0.0.1:$sentinel1\", \"127.0.0.1:$sentinel2\", \"127.0.0.1:$sentinel3\"]; $sentinels"
cluster_make a b
is 'relays find Redis by its Sentinels, with the rights that the manual names' "$(moved a "$redis1") $(moved b "$redis1")" '1 1'
known 'what one counts, the other knows' a b

# ---- the master is killed ----
stolen=$who
"$build/postern" -c "$T/a/postern.conf" block user user50@contoso.example >>"$T/cli.log" 2>&1
becomes 'a block is seen' "ask once user50@contoso.example $T/b/policyd.sock" '5*'
is 'and stands in the replica' "$(redis_at "$redis1" WAIT 1 10000)" 1
stop redis-1 -KILL
is 'meanwhile messages pass' "$(login; ask once $who "$T/a/policyd.sock")" DUNNO
for name in a b; do becomes "relay $name goes to the new master" "moved $name $redis2" 1; done
for name in a b; do is "relay $name still refuses the stolen login" "$(ask once "$stolen" "$T/$name/policyd.sock")" '4*'; done
known 'there, what one counts, the other knows' b a
is 'nothing was forgotten' "$(grep -c 'has forgotten' "$T"/cluster-?.log | tr '\n' ' ')" '*a.log:0 *b.log:0 '
is 'the block stands there' "$(redis_at "$redis2" HLEN 'postern:{m}:blocks')" 1
"$build/postern" -c "$T/b/postern.conf" block user user51@contoso.example >>"$T/cli.log" 2>&1
becomes 'a later block is seen, too' "ask once user51@contoso.example $T/a/policyd.sock" '5*'

# ---- it hangs ----
server 1 --replicaof 127.0.0.1 "$redis2"
relay_wait replicates "$redis1"
for port in $sentinel1 $sentinel2 $sentinel3; do relay_wait knows_all "$port"; done
known 'before it hangs' a b
stolen=$who
is 'all of that is in the replica' "$(redis_at "$redis2" WAIT 1 10000)" 1
kill -STOP "$(cat "$T/redis-2.pid")"
for name in a b; do becomes "when the master hangs, relay $name goes to the new one" "moved $name $redis1" 2; done
for name in a b; do is "relay $name refuses whom it refused" "$(ask once "$stolen" "$T/$name/policyd.sock")" '4*'; done
known 'and there, what one counts, the other knows' a b
kill -CONT "$(cat "$T/redis-2.pid")"
relay_wait replicates "$redis2"

# ---- Sentinels that are gone, lie, know nothing ----
stop sentinel-1 -KILL
known 'with one Sentinel less they go on' b a
run liar python3 tests/integration/cluster_stub.py "$T/liar.sock" "sentinel:127.0.0.1:$redis2"
relay_wait test -S "$T/liar.sock"
again "sentinels = [\"unix:$T/liar.sock\", \"127.0.0.1:$sentinel1\", \"127.0.0.1:$sentinel2\", \"127.0.0.1:$sentinel3\"]; sentinel_name = \"postern\"; $signed_in"
becomes 'who does not sign in is told nothing, and says so' "grep -c 'no word from the Sentinel.*NOAUTH' $T/cluster-a.log" '[1-9]*'
is 'and never follows one that names a replica' "$(shares a)" 0
stop liar
rm -f "$T/liar.sock"
run liar python3 tests/integration/cluster_stub.py "$T/liar.sock" "sentinel:127.0.0.1:$redis2"
relay_wait test -S "$T/liar.sock"
again "sentinels = [\"unix:$T/liar.sock\", \"127.0.0.1:$sentinel1\", \"127.0.0.1:$sentinel2\", \"127.0.0.1:$sentinel3\"]; $sentinels"
for name in a b; do becomes "among one that lies, one that is gone and two others, relay $name finds the master" "shares $name" 1; done
known 'and shares' a b
stop sentinel-2 -KILL
again "sentinels = [\"unix:$T/liar.sock\", \"127.0.0.1:$sentinel1\", \"127.0.0.1:$sentinel2\", \"127.0.0.1:$sentinel3\"]; $sentinels"
for name in a b; do becomes "so it does with one that lies and one that does not" "shares $name" 1; done
again "sentinels = \"127.0.0.1:$sentinel3\"; ${sentinels/sentinel_name = \"postern\"/sentinel_name = \"other\"}"
becomes 'a name that they do not know is said' "grep -c 'knows no master .other' $T/cluster-a.log" 1
is 'passwords are never shown' "$(grep -c 'a-password' "$T"/cluster-?.log | grep -vc ':0$')" 0
for name in a b; do stop cluster-$name; done
for name in redis-1 redis-2 sentinel-3; do stop $name; done

# ---- TLS: the name that is announced ----
openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj '/CN=ca' -keyout "$T/ca.key" -out "$T/ca.pem" 2>/dev/null
openssl req -newkey rsa:2048 -nodes -subj '/CN=redis' -keyout "$T/redis.key" -out "$T/redis.csr" 2>/dev/null
openssl x509 -req -in "$T/redis.csr" -CA "$T/ca.pem" -CAkey "$T/ca.key" -days 2 -out "$T/redis.pem" \
    -extfile <(echo 'subjectAltName = DNS:localhost') 2>/dev/null
tls="--tls-cert-file $T/redis.pem --tls-key-file $T/redis.key --tls-ca-cert-file $T/ca.pem --tls-auth-clients no --tls-replication yes"
tls_lines=${tls#--}
redis_at() { "$REDIS_CLI" -h localhost -p "$1" --tls --cacert "$T/ca.pem" --user admin --pass x --no-auth-warning "${@:2}"; }
# shellcheck disable=SC2086 # options
server 1 --port 0 --tls-port "$redis1" $tls
# shellcheck disable=SC2086 # options, a line each
sentinel 1 localhost "$redis1" 'port 0' "tls-port $sentinel1" 'sentinel resolve-hostnames yes' 'sentinel announce-hostnames yes' \
    "${tls_lines// --/$'\n'}"
relay_wait master_is "$redis1"
again "sentinels = \"localhost:$sentinel1\"; tls = \"always\"; ca_file = \"$T/ca.pem\"; $sentinels"
for name in a b; do becomes 'by TLS the certificate is for the name that the Sentinel announces' "shares $name" 1; done
redis_at "$sentinel1" SENTINEL CONFIG SET announce-hostnames no >>"$T/cli.log"
again "sentinels = \"localhost:$sentinel1\"; tls = \"always\"; ca_file = \"$T/ca.pem\"; $sentinels"
becomes 'an address that it announces must be in it' "grep -c 'no connection to Redis (IP address mismatch)' $T/cluster-a.log" 1
again "sentinels = \"127.0.0.1:$sentinel1\"; tls = \"always\"; ca_file = \"$T/ca.pem\"; $sentinels"
becomes 'a Sentinel must be who it is configured to be' "grep -c 'no word from the Sentinel 127.0.0.1: IP address mismatch' $T/cluster-a.log" 1

is 'nothing was wrong in their memory' "$(grep -l 'ERROR: \|runtime error' "$T"/*.log)" ''
exit $status
