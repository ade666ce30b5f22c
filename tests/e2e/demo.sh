#!/bin/bash
# The demonstration's table, with programs under ASan and UBSan: with both front ends, and with each alone.
set -u
cd "$(dirname "$0")/../.." || exit 1
status=0
for variant in both policyd milter; do
    if scripts/demo.sh -b build/asan "$variant" >"/tmp/postern-demo.$$" 2>&1 && ! grep -q 'ERROR: \|runtime error' "/tmp/postern-demo.$$"; then
        echo "ok every message of the demonstration is answered as promised ($variant)"
    else
        echo "not ok every message of the demonstration is answered as promised ($variant)"
        cat "/tmp/postern-demo.$$"
        status=1
    fi
done
rm -f "/tmp/postern-demo.$$"
exit $status
