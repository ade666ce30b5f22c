#!/bin/bash
# Runs all tests beside processes that keep the processors busy: TIMES in a row (1), with BUSY of them (8).
#
#   tests/busy.sh [PATTERN]     only the test programs whose name matches
set -u
cd "$(dirname "$0")/.." || exit 1
busy=() run=
stop()
{
    # What runs the tests has a process group of its own.
    [ -z "$run" ] || kill -TERM -- "-$run" 2>/dev/null
    [ ${#busy[@]} -eq 0 ] || kill "${busy[@]}" 2>/dev/null
}
trap stop EXIT
trap 'exit 130' INT TERM HUP

# Each ends by itself, too, once this one is gone: after kill -9.
for ((i = 0; i < ${BUSY:-8}; i++)); do
    while kill -0 $$ 2>/dev/null; do :; done &
    busy+=($!)
done
failed=0
for ((i = 1; i <= ${TIMES:-1}; i++)); do
    echo "beside ${#busy[@]} busy processes, $i of ${TIMES:-1}:"
    set -m
    tests/run.sh "$@" &
    set +m
    run=$!
    wait $run || failed=$((failed + 1))
    run=
done
[ $failed -eq 0 ] || { echo "$failed of ${TIMES:-1} times something failed"; exit 1; }
