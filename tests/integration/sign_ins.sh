#!/bin/bash
# "postern-mirror sync" reads sign-ins by SMTP AUTH from the stand-in: each counts once, however windows and pages overlap,
# and whatever fails or is killed on the way; memory stays that of a page. TAP lines. BUILD: the folder with the programs.
set -u
cd "$(dirname "$0")/../.." || exit 1
. scripts/relay.sh
. tests/standin/standin.sh
. tests/standin/checks.sh
build=${BUILD:-build/asan}
[ -x "$build/postern-mirror" ] || build=build/release
mirror=$(realpath "$build/postern-mirror")
work=$(mktemp -d "${TMPDIR:-/tmp}/postern-sign-ins.XXXXXX")
unset http_proxy https_proxy HTTPS_PROXY all_proxy ALL_PROXY no_proxy NO_PROXY CREDENTIALS_DIRECTORY
export ASAN_OPTIONS=${ASAN_OPTIONS:-}:quarantine_size_mb=1 # else memory that was freed counts

finish()
{
    standin_stop
    rm -rf "$work"
}
trap finish EXIT

says() { grep -q -e "$1" "$work/out"; }
# is NAME EXPECTED SQL: the history has that.
is()
{
    local found
    found=$(ask "$3")
    if [ "$found" = "$2" ]; then ok "$1"; else not_ok "$1" "found \"$found\", expected \"$2\" of $3"; fi
}
ask()
{
    /usr/bin/python3 - "$work/dir/history.sqlite" "$1" <<'EOF'
import sqlite3, sys
try:
    with sqlite3.connect(f"file:{sys.argv[1]}?mode=rw", uri=True) as db:
        print(" ".join(str(value) for row in db.execute(sys.argv[2]).fetchall() for value in row))
except sqlite3.Error as error:
    print(error)
EOF
}

# conf [EXCHANGE SETTINGS [PAGE SIZE]]
conf()
{
    cat >"$work/postern.conf" <<END
directory = "$work/dir"; journal = ""; spool = "$work/spool";
mirror = { page_size = ${2:-10}; };
tenants = ( { name = "contoso"; domains = ["contoso.example"];
    exchange = { tenant_id = "$STANDIN_TENANT"; application = "$STANDIN_CLIENT_ID";
        certificate_file = "$STANDIN_CLIENT_CERT"; key_file = "$STANDIN_CLIENT_KEY"; ca_file = "$STANDIN_CA"; $1
        hosts = { login = "localhost:$STANDIN_PORT"; exchange = "localhost:$STANDIN_PORT";
                  graph = "graph.localhost:$STANDIN_PORT"; }; }; } );
END
}
run()
{
    "$mirror" "$@" -c "$work/postern.conf" >"$work/out" 2>&1 </dev/null
    status=$?
}
# scenario SIGN-INS [MEMBERS [TENANT-MEMBERS]]
scenario() { standin_scenario "{\"tenants\":{\"$STANDIN_TENANT\":{\"mailboxes\":20${3:+,$3},\"sign_ins\":{$1}}}${2:+,$2}}"; }
fault() { printf '"faults":[{"on":"graph","cmdlet":"signIns",%s}]' "$1"; }
fresh() { rm -f "$work/dir/history.sqlite"*; }
successes="SELECT coalesce(sum(number),0) FROM cloud_use WHERE source='sign-ins'"
failures="SELECT coalesce(sum(number),0) FROM cloud_use WHERE source='failures'"

standin_start '{}' || { echo 'not ok 1 the stand-in starts'; exit 1; }
mkdir "$work/dir"

# ---- off, and on ----

scenario '"count":40,"failed":10,"days":1'
conf ''
standin_forget
run sync
check 'sign-ins are not asked for unless they are configured' test "$status $(standin_requests | grep -c signIns)" = '0 0'
is 'and nothing is kept of them' '0 0' 'SELECT (SELECT count(*) FROM sign_ins_progress),(SELECT count(*) FROM cloud_use)'

conf 'sign_ins = true;'
run sync
check 'a run that reads them is done' test "$status" = 0
check 'and says how many were new' says 'sign-ins: 36 new ones by SMTP AUTH, and 4 that failed'
is 'each success counts once' 36 "$successes"
is 'failures are kept apart' 4 "$failures"
is 'a mailbox has its last time, its number and its clients' '2 2 0 1' \
    "SELECT number,basic,oauth,clients LIKE '203.0.113.%' FROM cloud_use WHERE mailbox='user0000001@contoso.example' AND source='sign-ins'"
run sync
check 'the next run finds nothing new, and says nothing' test "$(grep -c sign-ins "$work/out")" = 0
is 'though its window overlaps' '36' "$successes"

# ---- whose they are ----

fresh
scenario '"rows":[{"ago":60,"user":"UPN0000004@contoso.example"},{"ago":70,"user":"nobody@contoso.example"},
    {"ago":80,"user":"guess1@contoso.example","error":50034},{"ago":90,"user":"guess2@contoso.example","error":50034},
    {"ago":95,"user":"user0000002@contoso.example","protocol":"oAuth2"},
    {"ago":100,"user":"user0000001@contoso.example","app":"Browser"},{"ago":110,"user":"user0000001@contoso.example","app":"IMAP4"}]'
run sync
is 'a user principal name is its mailbox, and other clients than SMTP AUTH are left alone' \
    'nobody@contoso.example user0000002@contoso.example user0000004@contoso.example' \
    "SELECT mailbox FROM cloud_use WHERE source='sign-ins' ORDER BY mailbox"
is 'names that somebody guessed are one row' ' 2' "SELECT mailbox,number FROM cloud_use WHERE source='failures'"
is 'a token is no password' '0 1' "SELECT basic,oauth FROM cloud_use WHERE mailbox='user0000002@contoso.example'"

# ---- late, twice, in pieces ----

fresh
rows='{"ago":200,"id":"early"}'
scenario "\"rows\":[$rows]"
run sync
scenario "\"rows\":[$rows,{\"ago\":14400,\"id\":\"four hours late\"}]"
run sync
is 'one that shows up four hours late is counted by the next run' 2 "$successes"
rows="$rows,{\"ago\":14400,\"id\":\"four hours late\"},{\"ago\":108000,\"id\":\"thirty hours late\"}"
scenario "\"rows\":[$rows]"
run sync
is 'one that shows up thirty hours late is not looked for by each run' 2 "$successes"
ask 'UPDATE sign_ins_progress SET late=late-86400' >/dev/null
run sync
is 'but by one a day, and nothing counts twice then' 3 "$successes"

scenario "\"rows\":[$rows,{\"ago\":30,\"id\":\"after a clock that was wrong\"}]"
ask 'UPDATE sign_ins_progress SET until=until+9999999' >/dev/null
run sync
is 'after a clock that was ahead they are read again, and nothing is claimed to be known from before' '1 1' \
    "SELECT (SELECT number>=4 FROM cloud_use WHERE source='sign-ins'),since>strftime('%s')-21700 FROM sign_ins_progress WHERE outcome=0"

fresh
scenario '"count":60,"days":1,"overlap":4'
run sync
is 'rows that come on two pages count once' 60 "$successes"

fresh
scenario '"count":400,"days":2' '"latency":0.05'
"$mirror" sync -c "$work/postern.conf" >"$work/out" 2>&1 </dev/null &
victim=$!
some() { [ -e "$work/dir/history.sqlite" ] && [ "$(ask "$successes")" -gt "$1" ] 2>/dev/null; }
wait_until() { for _ in $(seq 1200); do "$@" && return 0; sleep 0.1; done; return 1; }
wait_until some 30
kill -9 $victim
wait $victim 2>/dev/null
check 'a run is killed in the middle' test "$(ask "$successes")" -lt 400
scenario '"count":400,"days":2'
run sync
is 'and the next one loses and doubles nothing' 400 "$successes"

# ---- what fails ----

fresh
scenario '"count":40' '"audit_role":false'
run sync
check 'without the permission the settings come, and the status tells' test "$status" = 4
check 'it says which one is missing' says 'not read: Microsoft Graph: the application may not use it (HTTP 403); it needs the application permission AuditLog.Read.All'
run sync
check 'once' test "$status $(grep -c sign-ins "$work/out")" = '4 0'
is 'and it stays noted' 1 "SELECT trouble LIKE '%AuditLog.Read.All%' FROM sign_ins_state"
run doctor
check 'the doctor says so, too' says 'FAIL  sign-ins by SMTP AUTH .*AuditLog.Read.All'
scenario '"count":40' '"premium":false'
run sync
check 'a missing licence is another trouble' says 'has no Entra ID P1 or P2.*Directory.Read.All'
scenario '"count":40'
run sync
check 'when they may be read, they are' says '40 new ones'
is 'and the trouble is over' '0 ' 'SELECT trouble_at,trouble FROM sign_ins_state'
run doctor
check 'and the doctor is content' says '^ok    sign-ins by SMTP AUTH .*may be read'

fresh
scenario '"count":40,"days":1' '"throttle":[5,1]'
run sync
check 'throttling is waited for' says 'too many requests.*again in'
is 'and loses nothing' 40 "$successes"

# row NAME PATTERN SUCCESSES FAULT: one run from the beginning.
row()
{
    fresh
    scenario '"count":40,"days":1' "$(fault "$4")"
    standin_forget
    run sync
    if ! says "$2"; then
        not_ok "$1" "the output does not say \"$2\""
    elif [ "$(ask "$successes")" != "$3" ]; then
        not_ok "$1" "$(ask "$successes") successes, expected $3"
    elif grep -q '"event": *"request"' "$STANDIN_EVIL_LOG" 2>/dev/null; then
        not_ok "$1" 'a request went to a host that was never configured'
    else
        ok "$1"
    fi
}
row 'an error of the service is asked again' 'the service answered 503' 40 '"name":"unavailable","times":2'
row 'a link that is too old begins the window again' '40 new ones' 40 '"name":"server_error","status":400,"page":3,"times":1'
row 'a token that ends is renewed' 'signing in again' 40 '"name":"token_ends"'
row 'a link to another host is not followed' 'it leads to another host' 0 '"name":"next_link","kind":"evil","page":1'
row 'a link to another place of the host neither' 'it leads to another place' 0 '"name":"next_link","kind":"other_path","page":1'
row 'a circle ends' 'the pages go in a circle' 10 '"name":"next_link","kind":"loop","page":2'
row 'a page without rows is passed over' '40 new ones' 40 '"name":"empty_page","page":2'
row 'a page that comes twice counts once' 'new ones' 30 '"name":"repeat_page","page":2'
row 'an answer without rows is none' 'it has no "value"' 0 '"name":"no_value"'
row 'half a page counts for nothing' 'not read: page 2' 10 '"name":"cut_json","page":2'
row 'a page for people is named' 'the answer is not JSON' 0 '"name":"html"'

fresh
scenario '"rows":[{"ago":60},{"ago":70,"members":{"status":null}},{"ago":80,"members":{"createdDateTime":"yesterday"}}]'
run sync
check 'rows that cannot be read are left out, and told' says '2 rows were left out, the first since a sign-in has no'
is 'and the others count' 1 "$successes"

echo damaged >"$work/dir/history.sqlite"
run sync
check 'a damaged history is set aside' says 'set aside as history-damaged.sqlite'
is 'and a new one begun' 1 "$successes"

# ---- many ----

peak()
{
    /usr/bin/python3 - "$mirror" sync -c "$work/postern.conf" >"$work/out" 2>&1 <<'EOF'
import resource, subprocess, sys
status = subprocess.run(sys.argv[1:], stdin=subprocess.DEVNULL, check=False).returncode
print("peak", resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss, "status", status)
EOF
    sed -n 's/^peak \([0-9]*\) .*/\1/p' "$work/out"
}
conf 'sign_ins = true;' 1000
fresh
scenario '"count":2000,"users":20'
few=$(peak)
fresh
scenario '"count":100000,"failed":4,"users":20'
many=$(peak)
is 'a hundred thousand are read' 75000 "$successes"
check 'and those that failed since yesterday' test "$(ask "$failures")" -gt 500
check "in the memory of a page ($few KiB for 2,000, $many KiB for 100,000)" test "$many" -lt $((few + 65536))
check 'ids are let go of behind the windows' test "$(ask 'SELECT count(*) FROM sign_ins_seen')" -lt 12000

echo "1..$number"
[ "$bad" -eq 0 ]
