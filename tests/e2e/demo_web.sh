#!/bin/bash
# "make demo-web": the page answers at the URL that it says, its traffic is seen, the stolen password ends in a block, and nothing is
# left of it. TAP lines. BUILD: the folder with programs.
set -u
cd "$(dirname "$0")/../.." || exit 1
. scripts/relay.sh
. tests/e2e/lib.sh
T=$(mktemp -d "${TMPDIR:-/tmp}/postern-demo-web.XXXXXX")
demo=
finish() { [ -z "$demo" ] || kill "$demo" 2>/dev/null; wait; rm -rf "$T"; }
trap finish EXIT
trap 'exit 1' INT TERM

mkdir "$T/tmp"
chmod 755 "$T" "$T/tmp"
TMPDIR=$T/tmp scripts/demo-web.sh -b "${BUILD:-build/asan}" >"$T/demo.log" 2>&1 &
demo=$!
said() { grep -o 'http://localhost:[0-9]*/' "$T/demo.log"; }
becomes 'it says where the page is' said 'http://localhost:*'
url=$(said)
is 'there postern-web lives' "$(curl -sS --max-time 60 "${url}healthz")" '{"alive":true}'
becomes 'its command comes along' 'grep -c "postern -c .*/postern.conf top" "$T/demo.log"' 1
conf=$(sed -n 's/.* -c \(.*postern.conf\) top$/\1/p' "$T/demo.log")
p() { "${BUILD:-build/asan}/postern" -c "$conf" "$@"; }
becomes 'mail passes' 'p log --verdict pass --csv 2>/dev/null | grep -c contoso' '[1-9]*'
becomes 'the printer is refused' 'p log --verdict reject --csv 2>/dev/null | grep -c printers' '[1-9]*'
becomes 'the stolen password ends in a block' 'p blocks --csv 2>/dev/null | grep -c rosa@contoso.example' 1
# Whoever looks may lift it, as the account that was made for him.
password=$(sed -n 's/^Sign in as "demo" with the password "\(.*\)"\.$/\1/p' "$T/demo.log")
ask() { curl -sS --max-time 60 -b "$T/jar" -c "$T/jar" -H 'Content-Type: application/json' -H "Origin: ${url%/}" "$@"; }
proof=$(ask -d "{\"name\": \"demo\", \"password\": \"$password\"}" "${url}api/v1/login" | jq -r .data.proof)
id=$(ask -H "X-Postern-Proof: $proof" -d '{"verb": "unblock", "kind": "user", "subject": "rosa@contoso.example", "reason": "a look"}' \
    "${url}api/v1/actions" | jq -r .data.id)
outcome() { ask "${url}api/v1/actions/$id" | jq -r .data.state; }
becomes 'what is asked for on the pages is done' outcome 'done'
port=${url#http://localhost:} port=${port%/}
kill "$demo"
wait "$demo"
is 'it ends when it is told to' $? 0
demo=
is 'the port is given back' "$(relay_listens "$port" 2>/dev/null; echo $?; ls "/tmp/postern-port.$port" 2>/dev/null)" 1
is 'and nothing is left' "$(ls "$T/tmp")" ''
exit $status
