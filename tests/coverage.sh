#!/bin/bash
# Runs the unit tests, the torture and the rows of bypass.tsv as they are built with VARIANT=coverage, and prints the share
# of core's lines that they reach: each file, the least covered first, then all. Fails below the share $1 (percent, 0
# unless said).
set -u
cd "$(dirname "$0")/.." || exit 1
B=${B:-build/coverage}
T=$(mktemp -d /tmp/postern-coverage.XXXXXX)
trap 'rm -rf "$T"' EXIT
find "$B" -name '*.gcda' -delete
for t in "$B"/tests/unit/test_*; do
    case $t in *.o | *.d | *.gcno | *.gcda) continue ;; esac
    timeout 300 "$t" >"$T/out" 2>&1 </dev/null || { echo "$t failed:"; tail -n 20 "$T/out"; }
done
"$B/tests/torture/torture" >"$T/out" 2>/dev/null || { echo "torture failed:"; tail -n 20 "$T/out"; }
BIN=$B VARIANT=coverage tests/integration/bypass.sh >"$T/out" 2>&1 || { echo "bypass failed:"; tail -n 20 "$T/out"; }
for program in policyd milter; do
    for option in -h -V '-c conf/postern.conf -t'; do
        # The words of an option.
        # shellcheck disable=SC2086
        "$B/postern-$program" $option >/dev/null 2>&1
    done
done
for source in core/*.c; do
    [ ! -f "$B/${source%.c}.gcda" ] || gcov --no-output --object-directory "$B/core" "$source" 2>/dev/null |
        awk -v want="File '$source'" '$0 == want { mine = 1 } mine && /^Lines executed/ { print; exit }' |
        sed "s|^Lines executed:\([0-9.]*\)% of \([0-9]*\)|\1 \2 $source|"
done | sort -n >"$T/files"
awk -v least="${1:-0}" '
    { printf "%6.1f %%  %5d lines  %s\n", $1, $2, $3; reached += $1 * $2 / 100; lines += $2 }
    END {
        printf "%6.1f %%  %5d lines  core\n", 100 * reached / lines, lines
        exit 100 * reached / lines < least
    }' "$T/files"
