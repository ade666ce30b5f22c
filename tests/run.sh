#!/bin/bash
# Runs all tests: unit tests under ASan+UBSan, those with threads under TSan too, then conversations and end to end with Postfix, some
# more at the same time than there are processors. Prints one line a test program and a closing line "N passed, N failed"; exits
# non-zero if anything failed.
#
#   tests/run.sh [PATTERN]     only the test programs whose name matches
set -u
cd "$(dirname "$0")/.." || exit 1
pattern=${1:-.}
jobs=$(nproc)
out=$(mktemp -d /tmp/postern-check.XXXXXX)
trap 'rm -rf "$out"' EXIT
export ASAN_OPTIONS=detect_leaks=1:abort_on_error=0 UBSAN_OPTIONS=print_stacktrace=1
export TSAN_OPTIONS="suppressions=$PWD/tests/tsan.supp halt_on_error=1"

build()
{
    local start=$SECONDS
    echo "building: $*"
    make -s --no-print-directory -j "$jobs" "$@" >"$out/build.log" 2>&1 && ! grep -q 'warning:' "$out/build.log" &&
        { echo "    built ($((SECONDS - start)) s)"; return 0; }
    cat "$out/build.log"
    echo "0 passed, 1 failed"
    exit 1
}

# Runs one program; counts go to $out/NAME.count as "passed failed", its output to $out/NAME.out.
run_one()
{
    local name=$1 status passed failed used start=$SECONDS TIMEFORMAT='%0U + %0S'
    shift
    used=$( { time tests/limited.sh "$@" >"$out/$name.out" 2>&1 </dev/null; } 2>&1)
    status=$?
    passed=$(($(grep -c '^\[ *OK \]' "$out/$name.out") + $(grep -c '^ok ' "$out/$name.out")))
    failed=$(($(grep '^\[ *FAILED *\] [a-zA-Z_]*$' "$out/$name.out" | sort -u | wc -l) + $(grep -c '^not ok ' "$out/$name.out")))
    [ $status -eq 0 ] || [ "$failed" -gt 0 ] || failed=1
    [ $((passed + failed)) -gt 0 ] || passed=1
    echo "$passed $failed" >"$out/$name.count"
    {
        printf '%-34s %3d passed, %d failed  (%d s, processor %d s)\n' "$name" "$passed" "$failed" $((SECONDS - start)) $((used))
        [ "$failed" -eq 0 ] || { sed 's/^/    /' "$out/$name.out" | tail -n 150; }
    } >"$out/$name.said"
    flock "$out" cat "$out/$name.said"
}
export -f run_one
export out

# Each line: NAME COMMAND... What is long is not the last; and what only waits most of its time comes before what only computes, so
# that the processors are busy to the end.
list()
{
    local t
    echo 'tests-lint tests/lint.sh'
    for t in tests/integration/{mirror_sync,cluster_beats,check_postfix}.sh tests/browser/run.sh tests/integration/*.sh \
        tests/faults/{files,starts,disk,killed,sign_in}.sh tests/interop/{logins,filters,proxies,chroot}.sh tests/e2e/*.sh tests/standin/selftest.sh; do
        [ ! -x "$t" ] || echo "$(basename "$(dirname "$t")")-$(basename "$t" .sh) $t"
    done | awk '!seen[$0]++'
    for t in build/fuzz/*; do
        [ ! -f "$t" ] || [ ! -x "$t" ] || echo "fuzz-$(basename "$t") tests/fuzz/run.sh 3 $(basename "$t")"
    done
    for t in $threaded; do echo "$t-tsan build/tsan/tests/unit/$t"; done
    for t in build/asan/tests/unit/test_*; do
        case $t in *.o | *.d | *.gcno | *.gcda) ;; *) echo "$(basename "$t")-asan $t" ;; esac
    done
}

build VARIANT=release all
# All that scripts would have built: two at the same time would write the same objects.
build VARIANT=asan all unit build/asan/tests/{attacks/bypass,attacks/from_judge,attacks/outbox_flood,torture/torture} build/asan/bench/sasl_{stub,load}
threaded=$(cd tests/unit && grep -l 'pthread_create\|links:.*policyd\|links:.*milter\|threads' test_*.c | sed 's/\.c$//')
# shellcheck disable=SC2046 # one name a word
build VARIANT=tsan $(for t in $threaded; do echo "build/tsan/tests/unit/$t"; done)
build fuzz-build

# Of the faults a sample, in a short form: "make faults" runs all.
export FAULTS=short
# The counts for tests/coverage.sh begin at nothing.
find build/asan/core -name '*.gcda' -exec truncate -s 0 {} +
# Fourteen more at the same time than there are processors: many wait for what shall happen most of their time.
list | PATTERN=$pattern awk '$1 ~ ENVIRON["PATTERN"]' | xargs -P $((jobs + 14)) -d '\n' -I{} bash -c 'run_one {}'
[ "$pattern" != . ] || run_one tests-coverage tests/coverage.sh

passed=$(cat "$out"/*.count | awk '{ n += $1 } END { print n + 0 }')
failed=$(cat "$out"/*.count | awk '{ n += $2 } END { print n + 0 }')
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
