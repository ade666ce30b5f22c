#!/bin/bash
# The table of the demonstration of relays that count as one, with programs under ASan and UBSan.
set -u
cd "$(dirname "$0")/../.." || exit 1
said=$(mktemp /tmp/postern-demo-cluster.XXXXXX)
trap 'rm -f "$said"' EXIT
if scripts/demo-cluster.sh -b build/asan >"$said" 2>&1 && ! grep -q 'ERROR: \|runtime error' "$said"; then
    echo 'ok three relays behind haproxy count as one, with Redis, without it, and with it again'
else
    echo 'not ok three relays behind haproxy count as one, with Redis, without it, and with it again'
    cat "$said"
    exit 1
fi
