#!/bin/bash
# Of relays that could ask Exchange Online one does, the others follow it: who that is, who takes over, with a real Redis. TAP lines.
# BUILD: the folder with programs.
set -u
cd "$(dirname "$0")/../.." || exit 1
. scripts/relay.sh
# shellcheck source=tests/integration/cluster_lib.sh
. tests/integration/cluster_lib.sh
mirror=$build/postern-mirror
PORT=$(relay_free_port)

# The relay has a way into Exchange Online, which leads nowhere, and one to pull from.
could()
{
    sed -i "s,^directory = \"$T/directory\",directory = \"$T/$1/lib\"," "$T/$1/postern.conf"
    cp -rp "$T/directory" "$T/$1/lib"
    cat >>"$T/$1/postern.conf" <<CONF
mirror = { stall_timeout = "1s"; deadline = "10s"; offer = "$T/$1/offer"; pull = { url = "https://localhost:$PORT/right"; ca_file = "$T/ca/ca.pem"; }; };
tenants = ( { name = "contoso"; domains = ["contoso.example"];
    exchange = { tenant_id = "7a5d1c3e-52b0-4f0e-9c7d-2f6a10b4e8d1"; application = "7a5d1c3e-52b0-4f0e-9c7d-2f6a10b4e8d2";
        secret_file = "$T/secret"; hosts = { login = "localhost:1"; exchange = "localhost:1"; graph = "localhost:1"; }; }; } );
CONF
    mkdir -p "$T/$1/offer"
}
turn() { jq -r '.mirror | "\(.here) \(.by)"' "$T/$1/cluster.json" 2>/dev/null; }
turns() { echo "$(turn mx1), $(turn mx2)"; }
sync() { "$mirror" sync -c "$T/$1/postern.conf" "${@:2}" 2>&1 | tr '\n' ' '; }
imports() { "$mirror" import -d "$T/$1/lib" --tenant contoso "$T/cas.csv" "$T/transport.json" >>"$T/mirror.log" 2>&1; }

redis_start
tests/standin/make_ca.sh "$T/ca"
echo secret >"$T/secret" && chmod 600 "$T/secret"
cluster_directory
for name in mx1 mx2; do relay "$name"; could "$name"; done
"$build/postern-cluster" init -c "$T/mx1/postern.conf" >>"$T/cli.log" 2>&1
"$build/postern-cluster" join -c "$T/mx2/postern.conf" >>"$T/cli.log" 2>&1
start mx1 mx2

becomes 'one of two mirrors' turns 'true mx1, false mx1'
is 'status says which' "$("$build/postern" -c "$T/mx2/postern.conf" status --cluster 2>/dev/null | grep mirrors)" '*mx1 mirrors*'
run source python3 tests/integration/pull_source.py "$PORT" "$T/ca/server-good.pem" "$T/ca/server-good.key" "$T/mx1/offer"
relay_wait relay_listens "$PORT"
sleep 1.1
imports mx1
"$mirror" offer -c "$T/mx1/postern.conf" >>"$T/mirror.log" 2>&1
becomes 'the other is told that there is something newer' '[ -e "$T/mx2/pull" ] && echo told' told
is 'nobody tells the one that mirrors' "$([ -e "$T/mx1/pull" ] || echo no)" no
is 'sync on the other pulls' "$(sync mx2)" 'mx1 mirrors for the cluster, so this relay pulls*mx1: generation 1, here *'
is 'sync on the other mirrors all the same, if it is told so' "$(sync mx2 --here)" '*contoso: *failed, and nothing has changed*'
is 'sync on the one mirrors' "$(sync mx1)" '*contoso: *failed, and nothing has changed*'
is 'pull on the one has nobody to follow' "$("$mirror" pull -c "$T/mx1/postern.conf")" 'this relay mirrors for the cluster*'

stop cluster-mx1 -KILL
becomes 'it is killed: the other takes over' 'turn mx2' 'true mx2'
run cluster-mx1 "$build/postern-cluster" -c "$T/mx1/postern.conf"
becomes 'it is back: the other goes on' turns 'false mx2, true mx2'
stop redis -KILL
becomes 'without Redis nothing is shared' "jq -r .own.state \"\$T/mx1/cluster.json\"" 'offline'
sleep 20 # longer than silence lasts
is 'without Redis whoever mirrors goes on, and no other begins' "$(turns)" 'false mx2, true mx2'
is 'sync on the other still pulls' "$(sync mx1)" 'mx2 mirrors for the cluster, so this relay pulls*'
stop cluster-mx1
becomes 'without postern-cluster a relay mirrors itself' 'sync mx1' '*contoso: *failed, and nothing has changed*'

exit $status
