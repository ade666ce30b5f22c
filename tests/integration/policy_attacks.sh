#!/bin/bash
# Attacks on the policy server's socket, each on a postern-policyd of its own: see tests/attacks/policy_attacks.py. TAP lines.
set -u
cd "$(dirname "$0")/../.." || exit 1
. scripts/relay.sh
T=$(mktemp -d /tmp/postern-attacks.XXXXXX)
pid=
trap '[ -z "$pid" ] || kill "$pid" 2>/dev/null; wait; rm -rf "$T"' EXIT
trap 'exit 1' INT TERM
chmod 755 "$T"
status=0

ok()
{
    if "${@:2}"; then echo "ok $1"; else echo "not ok $1"; status=1; fi
}

for tenant in contoso fabrikam tailspin; do
    build/asan/postern-mirror import -d "$T/directory" --force --tenant $tenant tests/attacks/world/$tenant-* >>"$T/mirror.log" 2>&1 || { cat "$T/mirror.log"; exit 1; }
done
cp tests/attacks/world/logins "$T/logins"
{
    cat tests/attacks/rules/forms.conf
    cat <<END
directory = "$T/directory"; state = { file = "$T/state"; entries = 4096; }; journal = "$T/journal";
preset = "none"; log = { to = "stderr"; };
connectors = ( { name = "apps"; networks = [ "198.51.100.0/24", "2001:db8::/32" ]; } );
limits = (
  { name = "user"; per = "user"; count = "messages"; rate = "1/d"; burst = 10; },
  { name = "recipients"; per = "user"; count = "recipients"; rate = "1/d"; burst = 10; },
  { name = "sender"; per = "sender"; count = "messages"; rate = "100/d"; burst = 10000; },
  { name = "network"; per = "client_net"; count = "messages"; rate = "100/d"; burst = 10000; },
  { name = "spray"; per = "client_net"; count = "denials"; rate = "1/d"; burst = 50; then = "block 15m"; }
);
policyd = { listen = "unix:$T/policyd.sock"; workers = 2; };
milter = { listen = ""; };
END
} >"$T/postern.conf"

# serve BUILD: begins with an empty state.
serve()
{
    rm -rf "$T/state" "$T/journal"
    "$1/postern-policyd" -c "$T/postern.conf" 2>"$T/policyd.log" &
    pid=$!
    relay_wait relay_listens_at "$T/policyd.sock" || { cat "$T/policyd.log"; exit 1; }
}

# attack NAME BUILD
attack()
{
    serve "$2"
    python3 tests/attacks/policy_attacks.py "$1" "$T/policyd.sock" "$2/postern" "$T/postern.conf" "$pid" || { status=1; tail -n 5 "$T/policyd.log"; }
    ok "it ends in good order ($1)" finished
}

finished() { kill "$pid" && wait "$pid" && ! grep 'ERROR: \|runtime error' "$T/policyd.log"; }

for name in spellings requests spray replay probing victim; do attack $name build/asan; done
# What a sanitizer keeps of freed memory would hide what a flood takes.
attack flood build/release

# The table's own size, and the figures with which strangers once kept most honest people out.
cp "$T/postern.conf" "$T/postern.conf.keep"
for u in $(seq 0 499); do echo "u$u@litware.example"; done >"$T/people.txt"
build/asan/postern-mirror import -d "$T/directory" --tenant litware "$T/people.txt" >>"$T/mirror.log" 2>&1 || { cat "$T/mirror.log"; exit 1; }
cat >"$T/postern.conf" <<END
directory = "$T/directory"; state = { file = "$T/state"; }; journal = ""; preset = "none";
log = { to = "syslog"; }; tls = { required = false; }; unauthenticated = "reject";
limits = (
  { name = "message-rate"; per = "user"; count = "messages"; rate = "30/m"; burst = 150; },
  { name = "roaming"; per = "user"; count = "distinct client_net"; rate = "6/d"; burst = 6; then = "block 1h"; },
  { name = "spray"; per = "client"; count = "denials"; rate = "5/d"; burst = 20; then = "block 1h"; }
);
policyd = { listen = "unix:$T/policyd.sock"; workers = 2; };
milter = { listen = ""; };
END
attack strangers build/release
mv "$T/postern.conf.keep" "$T/postern.conf"

# ---- A33: who may speak to the socket, and who may lift a block ----
as() { setpriv --reuid "$1" --regid "$2" --clear-groups "${@:3}"; }
reaches() { as "$1" "$2" /usr/bin/python3 -c 'import socket, sys; socket.socket(socket.AF_UNIX).connect(sys.argv[1])' "$T/policyd.sock" 2>"$T/err"; }
told() { grep -q 'PermissionError\|ermission denied' "$T/err"; }
may_block() { as "$1" "$2" build/release/postern -c "$T/postern.conf" block anna@contoso.example >/dev/null 2>"$T/err"; }
if [ "$(id -u)" -eq 0 ]; then
    sed -i "s|listen = \"unix:$T/policyd.sock\"|listen = { address = \"unix:$T/policyd.sock\"; group = \"postfix\"; }|" "$T/postern.conf"
    serve build/release
    postfix=$(id -u postfix) group=$(getent group postfix | cut -d: -f3)
    ok 'the socket is open to its group alone' test "$(stat -c '%a %G' "$T/policyd.sock")" = '660 postfix'
    ok 'whom Postfix runs as reaches it' reaches "$postfix" "$group"
    ok 'others do not' bash -c "! $(declare -f as reaches); T=$T; ! reaches 65534 65534"
    ok 'for lack of permission' told
    ok 'whom Postfix runs as cannot block anybody' bash -c "$(declare -f as may_block); T=$T; ! may_block $postfix $group"
    ok 'nor can others' bash -c "$(declare -f as may_block); T=$T; ! may_block 65534 65534"
    ok 'for lack of permission, which is said' told
    finished
fi
exit $status
