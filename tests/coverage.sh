#!/bin/bash
# Builds with VARIANT=coverage, runs the unit tests, the torture, the rows of bypass.tsv and the scripts that hold what people
# read (core/report), and prints the share of core's lines that they reach: each file, the least covered first, then all. Fails
# below COVERAGE_LEAST percent. TAP lines.
set -u
cd "$(dirname "$0")/.." || exit 1
least=${COVERAGE_LEAST:-95}
export B=build/coverage
make -s --no-print-directory -j "$(nproc)" VARIANT=coverage all unit "$B/tests/torture/torture" >/dev/null || exit 1
T=$(mktemp -d /tmp/postern-coverage.XXXXXX)
export T
trap 'rm -rf "$T"' EXIT
find "$B" -name '*.gcda' -delete

# Their counts add up: the compiler's library locks the files that it adds to.
run_one()
{
    local name
    name=$(basename "$1")
    tests/limited.sh "$@" >"$T/$name.out" 2>&1 </dev/null || { echo "not ok $name"; tail -n 20 "$T/$name.out" | sed 's/^/# /'; }
}
export -f run_one
{
    echo "$B/tests/torture/torture"
    for t in "$B"/tests/unit/test_*; do
        case $t in *.o | *.d | *.gcno | *.gcda) ;; *) echo "$t" ;; esac
    done
} | xargs -P "$(nproc)" -I{} bash -c 'run_one {}'
BIN=$B VARIANT=coverage tests/integration/bypass.sh >"$T/out" 2>&1 || { echo "not ok bypass"; tail -n 20 "$T/out" | sed 's/^/# /'; }

# What people read is held by scripts, which are judged where they run by themselves.
printf '%s\n' tests/integration/{cli,audit,check_postfix,terminal,readers,alerts,cloud_use,settings_log,basic_shutdown,learn,cluster_beats,cluster_log,cluster_mirror,web,web_api,web_access,web_tenants,web_cluster}.sh |
    BUILD=$B xargs -P "$(nproc)" -n 1 timeout 600 >/dev/null 2>&1

for source in core/*/*.c; do
    [ ! -f "$B/${source%.c}.gcda" ] || gcov --no-output --object-directory "$B/$(dirname "$source")" "$source" 2>/dev/null |
        awk -v want="File '$source'" '$0 == want { mine = 1 } mine && /^Lines executed/ { print; exit }' |
        sed "s|^Lines executed:\([0-9.]*\)% of \([0-9]*\)|\1 \2 $source|"
done | sort -n >"$T/files"
awk -v least="$least" '
    { printf "# %6.1f %%  %5d lines  %s\n", $1, $2, $3; reached += $1 * $2 / 100; lines += $2 }
    END {
        share = lines > 0 ? 100 * reached / lines : 0
        printf "%sok the tests reach %.1f %% of %d lines of core, at least %s %%\n", share < least ? "not " : "", share, lines, least
        exit share < least
    }' "$T/files"
