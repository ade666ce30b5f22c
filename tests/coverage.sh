#!/bin/bash
# Prints the share of core's lines that the tests reached since tests/run.sh began, which VARIANT=asan counts: each file, the least
# covered first, then all. Fails below COVERAGE_LEAST percent. TAP lines.
set -u
cd "$(dirname "$0")/.." || exit 1
for source in core/*/*.c; do
    [ -f "build/asan/${source%c}gcno" ] || echo "not ok the lines of $source are counted"
    gcov --no-output --object-directory "build/asan/$(dirname "$source")" "$source" 2>/dev/null |
        awk -v source="$source" '
            $0 == "File \047" source "\047" { mine = 1 }
            mine && /^Lines executed/ { sub(/^Lines executed:/, ""); print $1 + 0, $3, source; exit }'
done | sort -n | awk -v least="${COVERAGE_LEAST:-95}" '
    /^not ok/ { print; failed = 1; next }
    { printf "# %6.1f %%  %5d lines  %s\n", $1, $2, $3; reached += $1 * $2 / 100; lines += $2 }
    END {
        share = lines > 0 ? 100 * reached / lines : 0
        printf "%sok the tests reach %.1f %% of %d lines of core, at least %s %%\n", share < least ? "not " : "", share, lines, least
        exit failed || share < least
    }'
