#!/bin/bash
# Tenants whose names clash: see tests/attacks/tenants.py. TAP lines.
set -u
cd "$(dirname "$0")/../.." || exit 1
. scripts/relay.sh
T=$(mktemp -d /tmp/postern-tenants.XXXXXX)
trap 'rm -rf "$T"' EXIT
trap 'exit 1' INT TERM

# A service that ran left its state; explain makes none.
cat >"$T/postern.conf" <<END
directory = "$T/directory"; state = { file = "$T/state"; entries = 1024; }; journal = ""; log = { to = "stderr"; };
policyd = { listen = "unix:$T/policyd.sock"; };
END
build/release/postern-policyd -c "$T/postern.conf" 2>"$T/log" &
pid=$!
relay_wait relay_listens_at "$T/policyd.sock"
kill "$pid"
wait "$pid" || { cat "$T/log"; exit 1; }
python3 tests/attacks/tenants.py build/release "$T" "${1:-25}" "${2:-21}"
