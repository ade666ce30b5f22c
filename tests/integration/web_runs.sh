#!/bin/bash
# Runs of postern-mirror, as they are seen over the web: a relay that syncs from the Exchange Online stand-in, and one that pulls from it
# over TLS. The runs in /api/v1/runs and in /metrics are those that happened, how they ended, and why. TAP lines. BUILD=... for
# another build directory than build/asan.
set -u
cd "$(dirname "$0")/../.." || exit 1
. tests/integration/web_lib.sh
. tests/standin/standin.sh
mirror=$build/postern-mirror
end() { standin_stop; finish; relay_give_back; }
trap end EXIT
unset http_proxy https_proxy HTTPS_PROXY all_proxy ALL_PROXY no_proxy NO_PROXY CREDENTIALS_DIRECTORY
tenant='"mailboxes":20,"seed":1'
standin_start "{\"tenants\":{\"$STANDIN_TENANT\":{$tenant}}}" || exit 1
PORT=$(relay_free_port)
printf '%064d\n' 1 >"$T/cluster.key" && chmod 600 "$T/cluster.key"

# config RELAY SETTINGS-OF-MIRROR [MORE]
config()
{
    mkdir -p "$T/$1"
    cat >"$T/$1/postern.conf" <<CONF
directory = "$T/$1/directory"; journal = "$T/$1/journal"; spool = "$T/$1/spool"; state = { file = "$T/$1/state"; entries = 1024; };
log = { to = "stderr"; }; policyd = { listen = "unix:$T/$1/policyd.sock"; }; milter = { listen = ""; };
web = { listen = "unix:$T/$1/web.sock"; users = "$T/$1/web-users"; };
cluster = { server = "unix:$T/redis.sock"; key_file = "$T/cluster.key"; folder = "$T/$1/cluster"; outbox = "$T/$1/outbox"; node = "$1"; };
mirror = { page_size = 10; $2 };
${3:-}
CONF
}
config a "offer = \"$T/offer\";" "tenants = ( { name = \"contoso\"; domains = [\"contoso.example\"];
    exchange = { tenant_id = \"$STANDIN_TENANT\"; application = \"$STANDIN_CLIENT_ID\"; ca_file = \"$STANDIN_CA\";
        certificate_file = \"$STANDIN_CLIENT_CERT\"; key_file = \"$STANDIN_CLIENT_KEY\";
        hosts = { login = \"localhost:$STANDIN_PORT\"; exchange = \"localhost:$STANDIN_PORT\"; graph = \"graph.localhost:$STANDIN_PORT\"; }; }; } );"
config b "pull = { url = \"https://localhost:$PORT/right\"; ca_file = \"$STANDIN_CA\"; };"
mkdir -p "$T/offer" "$T/b/spool"
sync() { "$mirror" sync --here -c "$T/a/postern.conf" >>"$T/sync.log" 2>&1 </dev/null; echo $?; }
pull() { "$mirror" pull -c "$T/b/postern.conf" >>"$T/pull.log" 2>&1 </dev/null; echo $?; }

# serve RELAY: before its folder, as the program does.
declare -A token
serve()
{
    local program
    for program in policyd web; do
        "$build/postern-$program" -c "$T/$1/postern.conf" >>"$T/$program-$1.log" 2>&1 &
        relay_pids="$relay_pids $!"
        relay_wait relay_listens_at "$T/$1/$program.sock"
    done
}
get() { curl -sS -H "Authorization: Bearer ${token[$1]}" --max-time 100 --unix-socket "$T/$1/web.sock" "http://localhost$2" 2>&1; }
runs() { get "$1" /api/v1/runs | jq -r '.data[] | "\(.tenant // "-") \(.how) \(.result) \(.changes)"' | tr '\n' ','; }
metric() { get "$1" /metrics | sed -n "s/^postern_mirror_run_timestamp_seconds{\(.*\)} \([0-9]*\)$/\1 \2/p" | sort; }
# Each result has the time of the newest run that ended so.
agrees()
{
    diff <(metric "$1" | sed 's/tenant="\(.*\)",result="\(.*\)" /\1 \2 /; s/^ /- /' | sort) \
        <(get "$1" /api/v1/runs | jq -r '[.data[] | {key: "\(.tenant // "-") \(.result)", at: (.ended | fromdate)}] | group_by(.key)[] | "\(.[0].key) \(map(.at) | max)"' | sort) && echo same
}
for relay in a b; do token[$relay]=$("$build/postern" -c "$T/$relay/postern.conf" web-user token t --role reader --expires 1d 2>/dev/null); done
serve a || exit 1
is 'before the first run there is none, and a note says so' "$(get a /api/v1/runs | jq -r '"\(.data | length) \(.notes[0])"')" '0 there is no history yet*'

# ---- sync ----
is 'a first sync comes in' "$(sync)" 0
becomes 'it is on the page' 'runs a' 'contoso sync ok 20,'
is 'with when, and how long it took' "$(get a /api/v1/runs | jq -r '.data[0] | "\(.ended | fromdate | . > 1700000000) \(.took | type) \(.trouble)"')" 'true number null'
is 'one that finds nothing new is one, too' "$(sync)" 0
becomes 'and says so' 'runs a' 'contoso sync unchanged 0,contoso sync ok 20,'
standin_scenario "{\"tenants\":{\"$STANDIN_TENANT\":{$tenant}},\"faults\":[{\"name\":\"html\",\"tenant\":\"$STANDIN_TENANT\",\"cmdlet\":\"Get-Mailbox\"}]}"
is 'one that Exchange Online does not serve fails' "$(sync)" 1
becomes 'and is on the page' 'runs a' 'contoso sync failed 0,contoso sync unchanged 0,contoso sync ok 20,'
is 'with what was wrong' "$(get a /api/v1/runs | jq -r '.data[0].trouble')" '*Get-Mailbox*'
standin_scenario "{\"tenants\":{\"$STANDIN_TENANT\":{\"mailboxes\":2,\"seed\":1}}}"
is 'one that would lose most of the mailboxes is refused' "$(sync)" '[1-9]*'
becomes 'and is on the page' 'runs a' 'contoso sync refused *,contoso sync failed 0,contoso sync unchanged 0,contoso sync ok 20,'
becomes 'metrics have when each last happened' 'agrees a' same
is 'a result that there was is a line' "$(metric a | sed 's/ [0-9]*$//' | tr '\n' ' ')" 'tenant="contoso",result="failed" tenant="contoso",result="ok" tenant="contoso",result="refused" tenant="contoso",result="unchanged" '
is 'the command line has the same' "$(diff <("$build/postern" -c "$T/a/postern.conf" log --runs --json 2>/dev/null | jq -S .) <(get a /api/v1/runs | jq -S .data))" ''
is 'of the tenant alone, all of these' "$(get a '/api/v1/runs?tenant=contoso' | jq '.data | length')" 4
is 'in pages' "$(get a '/api/v1/runs?rows=1&after=1' | jq -r '"\(.data[0].result) \(.next)"')" 'failed 2'
# They are as of some moment of that run.
is 'the settings are as old as the last good run' "$(get a /api/v1/runs | jq --argjson at "$(get a /api/v1/status | jq '.data.tenants[0].settings_at')" \
    '[.data[] | select(.result == "ok" or .result == "unchanged")][0] | $at <= (.ended | fromdate) and $at >= (.ended | fromdate) - .took - 1')" true

# ---- pull ----
is 'the relay that mirrors offers it' "$("$mirror" offer -c "$T/a/postern.conf" >>"$T/sync.log" 2>&1; echo $?)" 0
serve b || exit 1
is 'nobody to pull from: it fails' "$(pull)" '[1-9]*'
python3 tests/integration/pull_source.py "$PORT" "$STANDIN_DIR/server-good.pem" "$STANDIN_DIR/server-good.key" "$T/offer" >"$T/ranges.log" 2>"$T/source.log" &
relay_pids="$relay_pids $!"
relay_wait relay_listens "$PORT"
is 'a pull comes in' "$(pull)" 0
is 'and a second one, which finds nothing new' "$(pull)" 0
becomes 'all three are on its page, of no tenant' 'runs b' '- pull unchanged 0,- pull ok *,- pull failed 0,'
is 'with what was wrong' "$(get b /api/v1/runs | jq -r '.data[2].trouble')" '*localhost*'
becomes 'and in its metrics' 'agrees b' same
is 'the status says whose settings they are' "$(get b /api/v1/status | jq -r '.data.directory.pulled | "\(.relay) \(.url)"')" "a https://localhost:$PORT/right"
is 'nothing came out of the sanitizers' "$(cat "$T"/*.log | grep -c 'ERROR: \|runtime error')" 0
exit "$status"
