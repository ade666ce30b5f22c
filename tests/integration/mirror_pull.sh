#!/bin/bash
# The directory follows: a relay that mirrors offers it through nginx, over TLS, and another one pulls it. TAP lines.
# BUILD: the folder with programs.
set -u
cd "$(dirname "$0")/../.." || exit 1
. scripts/relay.sh
build=$(realpath "${BUILD:-build/asan}")
mirror=$build/postern-mirror
if ! command -v nginx >/dev/null; then
    echo 'ok pull # SKIP no nginx'
    exit 0
fi
if [ "$(id -u)" -ne 0 ]; then
    echo 'ok pull # SKIP needs root, so that nginx runs as a user of its own'
    exit 0
fi
T=$(mktemp -d "${TMPDIR:-/tmp}/postern-pull.XXXXXX")
chmod 755 "$T"
unset http_proxy https_proxy HTTPS_PROXY all_proxy ALL_PROXY no_proxy NO_PROXY CREDENTIALS_DIRECTORY
# shellcheck source=tests/e2e/lib.sh
. tests/e2e/lib.sh
trap finish EXIT
PORT=$(relay_free_port) BAD=$(relay_free_port)

finish()
{
    local pid
    for pid in "$T"/*.pid; do [ ! -s "$pid" ] || kill "$(cat "$pid")" 2>/dev/null; done
    wait
    relay_give_back
    rm -rf "$T"
}

# ---- two relays ----

key() { printf "%064d\n" "$2" >"$T/$1" && chmod 600 "$T/$1"; }
# config RELAY [MIRROR SETTINGS [KEY [MORE]]]
config()
{
    mkdir -p "$T/$1"
    cat >"$T/$1/postern.conf" <<CONF
directory = "$T/$1/directory"; journal = ""; spool = "$T/$1/spool"; state = { file = "$T/$1/state"; };
mirror = { ${patience:-stall_timeout = \"30s\"; deadline = \"3m\";} ${2:-} };
cluster = { server = "unix:$T/redis.sock"; key_file = "$T/${3:-cluster.key}"; folder = "$T/$1/cluster"; outbox = "$T/$1/outbox"; node = "$1"; };
alerts = ( { command = ["/bin/true"]; } );
${4:-}
CONF
}
# pulls [URL [MORE]]: how b finds the directory.
pulls()
{
    config b "pull = { url = \"${1:-https://localhost:$PORT/postern/}\"; ca_file = \"$T/ca/ca.pem\"; };" cluster.key "${2:-}"
}
source_that() { pulls "https://localhost:$BAD/$1"; }

# mailboxes FIRST LAST [DISABLED]: exports with these, of which DISABLED (a number) has SMTP AUTH switched off.
mailboxes()
{
    local i
    {
        echo '"Guid","PrimarySmtpAddress","OWAEnabled","SmtpClientAuthenticationDisabled"'
        for i in $(seq "$1" "$2"); do
            printf '"0a7d6d2c-0001-4b7e-9d55-%012d","user%d@contoso.example","True","%s"\n' "$i" "$i" \
                "$([ "$i" = "${3:-}" ] && echo True || echo False)"
        done
    } >"$T/cas.csv"
    echo '{ "JournalingReportNdrTo": "<>", "MaxRecipientEnvelopeLimit": "500", "SmtpClientAuthenticationDisabled": true }' >"$T/transport.json"
}
# mirrors RELAY TENANT [OPTION]
mirrors()
{
    "$mirror" import -c "$T/$1/postern.conf" --tenant "$2" "${@:3}" "$T/cas.csv" "$T/transport.json" >"$T/import.log" 2>&1 ||
        { cat "$T/import.log"; exit 1; }
}
offers() { "$mirror" offer -c "$T/a/postern.conf" >"$T/offer.log" 2>&1; echo $?; }
run() { "$mirror" pull -c "$T/b/postern.conf" "$@" >"$T/out" 2>&1 </dev/null; echo $?; }
setting() { "$mirror" show -c "$T/b/postern.conf" "user$1@contoso.example" 2>&1 | sed -n 's/^  SMTP AUTH  *//p'; }
generation() { sed -n 's/^generation //p' "$T/$1/directory/current" 2>/dev/null; }
notices() { find "$T/b/spool/alerts" -name '*mirror-failed*.json' 2>/dev/null | wc -l; }

# refuses WHAT STATUS PATTERN [OPTION]: the run ends so, and what b has stays, unchanged and whole.
refuses()
{
    local before after status
    before=$(md5sum "$T/b/directory/current" "$T"/b/directory/*.mdb)
    status=$(run "${@:4}")
    after=$(md5sum "$T/b/directory/current" "$T"/b/directory/*.mdb)
    is "$1: status" "$status" "$2"
    is "$1: says so" "$(tr '\n' ' ' <"$T/out")" "$3"
    is "$1: what was there stays" "$([ "$before" = "$after" ] && "$mirror" verify -c "$T/b/postern.conf" >/dev/null && echo same)" same
}

# ---- the web server, as it is shipped ----

nginx_start()
{
    mkdir -p "$T/nginx" "$T/offer"
    chgrp www-data "$T/offer" && chmod 2750 "$T/offer"
    "$mirror" offer --token -c "$T/a/postern.conf" >"$T/nginx/token"
    chmod 600 "$T/nginx/token"
    {
        echo "user www-data; pid $T/nginx.pid; error_log $T/nginx/error.log; events { }"
        echo "http { access_log off; client_body_temp_path $T/nginx/body; proxy_temp_path $T/nginx/proxy; fastcgi_temp_path $T/nginx/f;"
        echo "uwsgi_temp_path $T/nginx/u; scgi_temp_path $T/nginx/s;"
        sed -e "s,/etc/nginx/postern-token,$T/nginx/token," -e "s,listen 8443,listen 127.0.0.1:$PORT," -e '/listen \[::\]/d' \
            -e "s,/etc/ssl/certs/mx1.contoso.example.pem,$T/ca/server-good.pem," \
            -e "s,/etc/ssl/private/mx1.contoso.example.key,$T/ca/server-good.key," \
            -e "s,mx1.contoso.example,localhost," -e "s,192.0.2.0/24,127.0.0.1," -e "s,/var/lib/postern-offer,$T/offer," \
            conf/nginx/postern-offer.conf
        echo '}'
    } >"$T/nginx/nginx.conf"
    nginx -p "$T/nginx" -c "$T/nginx/nginx.conf" >"$T/nginx.log" 2>&1 || { cat "$T/nginx.log"; exit 1; }
    relay_wait relay_listens "$PORT"
}
asks() { curl -s -o /dev/null -w '%{http_code}' --cacert "$T/ca/ca.pem" "$@"; }

tests/standin/make_ca.sh "$T/ca"
chmod 755 "$T/ca" # the service reads the authorities itself
key cluster.key 1
key other.key 2
config a "offer = \"$T/offer\";"
pulls
mkdir -p "$T/b/spool"
nginx_start
python3 tests/integration/pull_source.py "$BAD" "$T/ca/server-good.pem" "$T/ca/server-good.key" "$T/offer" >"$T/ranges.log" 2>"$T/source.log" &
echo $! >"$T/source.pid"
relay_wait relay_listens "$BAD"

# ---- what works ----

is 'nothing to offer: status' "$(offers)" 1
is 'nothing to offer: says so' "$(cat "$T/offer.log")" '*nothing in *to offer yet*'
is 'nothing is offered: status' "$(run)" 1
is 'nothing is offered: says what to do' "$(cat "$T/out")" '*/postern/manifest: HTTP 404: there is nothing: has that relay mirror.offer*'
is 'a failed run is told' "$(notices)" 1

mailboxes 1 20
mirrors a contoso
is 'it is offered' "$(offers) $(cat "$T/offer.log")" '0 generation 1 is in *'
is 'offered twice' "$(offers) $(cat "$T/offer.log")" '0 generation 1 is in * already'
is 'only the web server may read it' "$(stat -c '%A %G' "$T/offer"/*.mdb "$T/offer/manifest" | sort -u)" '-rw-r----- www-data'
# As the service does it: a user that is not of the web server's group, and sees the key only as a credential.
mkdir "$T/credentials"
install -m 400 -o nobody "$T/cluster.key" "$T/credentials/cluster.key"
chown -R nobody "$T/a" "$T/offer"
is 'the service offers as root does' "$(CREDENTIALS_DIRECTORY=$T/credentials setpriv --reuid nobody --regid nogroup --clear-groups \
    "$mirror" offer -c "$T/a/postern.conf" 2>&1)" 'generation 1 is in * already'
rm "$T/offer"/*
is 'and anew' "$(CREDENTIALS_DIRECTORY=$T/credentials setpriv --reuid nobody --regid nogroup --clear-groups \
    "$mirror" offer -c "$T/a/postern.conf" 2>&1)" 'generation 1 is in */offer'
is 'with the rights that the web server needs' "$(stat -c '%A %U %G' "$T/offer"/*.mdb "$T/offer/manifest" | sort -u)" '-rw-r----- nobody www-data'
is 'a first pull' "$(run) $(tr '\n' ' ' <"$T/out")" '0 *contoso: 20 mailboxes*a: generation 1, here 1 '
chown -R nobody "$T/b"
sleep 1.1
mirrors a contoso
offers >/dev/null
is 'root pulls with the rights of the folder'"'"'s owner' "$(run) $(cat "$T/out")" '0 a: generation 1, here 1, with newer times'
is 'and what it writes is his' "$(find "$T/b/directory" ! -user nobody | wc -l)" 0
is 'it is whole' "$("$mirror" verify -c "$T/b/postern.conf")" '*generation 1 is whole: 1 tenants, 20 mailboxes*'
is 'it decides' "$(setting 7)" 'enabled*'
is 'nothing new' "$(run) $(cat "$T/out")" '0 a: nothing newer than generation 1, here 1'
is 'nothing new costs one small answer' "$(grep -c . "$T/ranges.log")" 0
sleep 1.1 # times are in seconds
mirrors a contoso
is 'newer times are offered' "$(offers) $(cat "$T/offer.log")" '0 *newer times'
is 'newer times' "$(run) $(cat "$T/out")" '0 a: generation 1, here 1, with newer times'
is 'the settings are as old as there' "$(grep -c "$(sed -n 's/^tenant 0 \([0-9]*\).*/\1/p' "$T/a/directory/current")" "$T/b/directory/current")" '[1-9]*'
mailboxes 1 20 7
mirrors a contoso
is 'a change is offered' "$(offers)" 0
is 'a change, as a dry run' "$(run --dry-run) $(tr '\n' ' ' <"$T/out")" '0 user7@contoso.example: SMTP AUTH enabled * disabled *(--dry-run)*'
is 'a dry run changes nothing' "$(setting 7)" 'enabled*'
is 'a change' "$(run) $(tr '\n' ' ' <"$T/out")" '0 user7@contoso.example: SMTP AUTH enabled * disabled *a: generation 2, here 2 '
is 'a change is there' "$(setting 7)" 'disabled*'
is 'its history says how' "$(sqlite3 "$T/b/directory/history.sqlite" 'select how from setting_runs order by rowid desc limit 1')" pull
is 'nothing is left behind' "$(find "$T/b/directory" -mindepth 1 -printf '%f\n' | sort | tr '\n' ' ')" \
    '.sync-.pull.lock current directory-0000000001.mdb directory-0000000002.mdb history.sqlite lock pulled '

is 'status says whose it is' "$("$build/postern" -c "$T/b/postern.conf" status 2>/dev/null | grep pulled)" \
    "  pulled from a, its generation 2, asked * ago: https://localhost:$PORT/postern"
is 'status says it to programs' "$("$build/postern" -c "$T/b/postern.conf" status --json 2>/dev/null | jq -r '.directory.pulled | "\(.relay) \(.generation)"')" 'a 2'

# ---- who may read ----

bearer=$(sed -n 's/.*\(Bearer [0-9a-f]*\).*/\1/p' "$T/nginx/token")
is 'with the key' "$(asks -H "Authorization: $bearer" "https://localhost:$PORT/postern/manifest")" 200
is 'without it' "$(asks "https://localhost:$PORT/postern/manifest")" 401
is 'with part of it' "$(asks -H "Authorization: ${bearer%?}" "https://localhost:$PORT/postern/manifest")" 401
is 'with more than it' "$(asks -H "Authorization: ${bearer}0" "https://localhost:$PORT/postern/manifest")" 401
is 'to write' "$(asks -X PUT -d x -H "Authorization: $bearer" "https://localhost:$PORT/postern/manifest")" 405
for name in '' .next.mdb ../../etc/passwd history.sqlite manifest/ ; do
    is "no other name: \"$name\"" "$(asks --path-as-is -H "Authorization: $bearer" "https://localhost:$PORT/postern/$name")" '40[04]'
done

# ---- what is refused ----

keep() { cp -p "$T/offer"/* "$T/kept/"; }
restore() { rm -f "$T/offer"/*; cp -p "$T/kept"/* "$T/offer/"; chgrp www-data "$T/offer"/*; }
mkdir "$T/kept"
mailboxes 1 20
sleep 1.1
cp -rp "$T/offer" "$T/old"
mirrors a contoso
offers >/dev/null
keep
file=directory-0000000003.mdb

printf X | dd of="$T/offer/$file" bs=1 seek=5000 conv=notrunc 2>/dev/null
refuses 'a changed byte in the file' 1 "*$file: it is not the file that the manifest was sealed for*"
restore
truncate -s -4096 "$T/offer/$file"
refuses 'a file that was cut there' 1 "*it ends after * bytes: it was cut there*"
restore
rm "$T/offer/$file"
refuses 'no file' 1 "*$file: HTTP 404*"
restore
sed -i 's/^tenant 0 \(.*\)contoso /tenant 0 \1fabrik4 /' "$T/offer/manifest"
chgrp www-data "$T/offer/manifest"
refuses 'a changed word in the manifest' 1 '*has a seal that is not right*'
restore
truncate -s -1 "$T/offer/manifest"
refuses 'a manifest that was cut' 1 '*line "seal" is missing*'
restore
chmod 600 "$T/offer/manifest"
refuses 'the web server cannot read it' 1 '*HTTP 403*must be able to read the folder*'
restore

config b "pull = { url = \"https://localhost:$PORT/postern\"; ca_file = \"$T/ca/ca.pem\"; };" other.key
refuses 'another key' 1 '*HTTP 401*same cluster.key_file*'
config b "pull = { url = \"https://localhost:$BAD/right\"; ca_file = \"$T/ca/ca.pem\"; };" other.key
refuses 'another key, and a web server that lets all in' 1 "*is sealed with another cluster's key*"
config b "pull = { url = \"https://localhost:$PORT/postern\"; };"
refuses 'an authority that nobody trusts' 1 '*certificate*mirror.pull.ca_file*'
pulls "https://127.0.0.2:$PORT/postern"
refuses 'another name than the certificate has' 1 '*'
patience='stall_timeout = "1s"; deadline = "10s";' # for what nobody answers
pulls https://localhost:1/postern
refuses 'nobody there' 1 '*mirror.deadline*'
is 'all that is told once' "$(notices)" 1

for fault in 'hung|*less than 512 bytes a second came*' 'error|*500*'; do
    source_that "${fault%%|*}"
    refuses "a source that is ${fault%%|*}" 1 "${fault#*|}"
done
patience=
for fault in \
    'cut-manifest|*line "seal" is missing*' 'cut-file|*it was cut there*' \
    'endless-manifest|*the answer is longer than*' 'endless-file|*more than the * bytes come*' \
    'bomb-manifest|*compressed*' 'bomb-file|*compressed*' 'elsewhere|*HTTP 302 (to https://elsewhere.example/*never followed*' \
    'plain|*HTTP 301 (to http://localhost/*never followed*' 'elsewhere-file|*HTTP 302*' 'page|*is not what postern-mirror offers*' \
    'page-file|*it was cut there*'; do
    source_that "${fault%%|*}"
    refuses "a source that is ${fault%%|*}" 1 "${fault#*|}"
done

# ---- a connection that breaks ----

source_that broken-file
: >"$T/ranges.log"
is 'a broken connection' "$(run) $(tr '\n' ' ' <"$T/out")" '0 *a: generation 3, here 3 '
is 'it went on where it broke' "$(head -n 1 "$T/ranges.log")" 'bytes=[1-9]*-'

# ---- what is older ----

pulls
rm -f "$T/offer"/* && cp -p "$T/old"/* "$T/offer/" && chgrp www-data "$T/offer"/*
refuses 'an older generation' 3 '*are * s older than those here*--force takes them*'
is 'an older generation, with --force' "$(run --force) $(tr '\n' ' ' <"$T/out")" '0 *a: generation 2, here 4 '
restore
is 'and back' "$(run) $(tr '\n' ' ' <"$T/out")" '0 *a: generation 3, here 5 '

cp -rp "$T/b/directory" "$T/pulled"
sleep 1.1
mirrors b contoso
touch "$T/offer/manifest"
refuses 'older than what it read itself' 0 'a: nothing newer than what this relay read itself '
rm -rf "$T/b/directory" && mv "$T/pulled" "$T/b/directory"

# ---- the guard ----

mailboxes 1 10
mirrors a contoso --force
offers >/dev/null
refuses 'half of the mailboxes gone' 3 '*would drop 10*--force accepts it*'
: >"$T/ranges.log"
rm "$T/offer"/*.mdb
is 'half of them gone, with --force, without another download' "$(run --force) $(tr '\n' ' ' <"$T/out")" '0 *10 removed*generation *'

# ---- other tenants ----

mailboxes 1 10
sed -i 's/contoso/fabrikam/; s/0a7d6d2c/0a7d6d2d/' "$T/cas.csv"
mirrors a fabrikam
rm "$T/offer"/*
offers >/dev/null
refuses 'a tenant that nobody knows here' 3 '*offers the tenant "fabrikam", which is neither here nor among the tenants of*'
pulls "https://localhost:$PORT/postern" 'tenants = ( { name = "contoso"; }, { name = "fabrikam"; } );'
is 'one that is configured' "$(run) $(tr '\n' ' ' <"$T/out")" '0 *fabrikam: 10 mailboxes*'
config c "offer = \"$T/offer\";"
mailboxes 1 10
mirrors c fabrikam
rm "$T/offer"/*
"$mirror" offer -c "$T/c/postern.conf" >"$T/offer.log" 2>&1
refuses "a tenant's mailboxes under another tenant's name" 3 '*are of the tenant "contoso"*'

# ---- several sources ----

rm "$T/offer"/*
sleep 1.1
mirrors a contoso
offers >/dev/null
patience='stall_timeout = "1s"; deadline = "10s";'
config b "pull = { url = [\"https://localhost:$BAD/error\", \"https://localhost:$PORT/postern\"]; ca_file = \"$T/ca/ca.pem\"; };" cluster.key \
    'tenants = ( { name = "contoso"; }, { name = "fabrikam"; } );'
is 'one source of two is there' "$(run) $(tail -n 1 "$T/out")" '0 a: generation *'

exit $status
