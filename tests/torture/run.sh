#!/bin/bash
# Allocation and I/O that fail, call by call: see tests/torture/torture.c.
#
#   run.sh [EVERY [SCENARIO]]    every call unless said
set -u
cd "$(dirname "$0")/../.." || exit 1
BIN=${BIN:-build/asan}
make -s --no-print-directory VARIANT=asan B="$BIN" "$BIN/tests/torture/torture" >/dev/null || exit 1
T=$(mktemp -d /tmp/postern-torture-log.XXXXXX)
trap 'rm -rf "$T"' EXIT
# What the programs log goes to a file; what the sanitizers say goes to another.
export ASAN_OPTIONS=detect_leaks=1:log_path=$T/sanitizer UBSAN_OPTIONS=print_stacktrace=1
"$BIN/tests/torture/torture" "${@:-1}" 2>"$T/log"
status=$?
if [ $status -ne 0 ] || compgen -G "$T/sanitizer*" >/dev/null; then
    echo "not ok the programs survive what fails (status $status)"
    grep -v ' torture\[' "$T/log" | tail -n 40
    cat "$T"/sanitizer* 2>/dev/null | head -n 60
    exit 1
fi
