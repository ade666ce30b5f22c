#!/bin/bash
# All tests of faults, one after the other, and a closing line "N passed, N failed".
#
#   run.sh [PATTERN]     only the scripts whose name matches. FAULTS=short: the short form.
set -u
cd "$(dirname "$0")/../.." || exit 1
pattern=${1:-.}
out=$(mktemp /tmp/postern-faults.XXXXXX)
trap 'rm -f "$out"' EXIT
passed=0 failed=0
for t in tests/faults/[a-z]*.sh; do
    name=$(basename "$t" .sh)
    case $name in run | lib) continue ;; esac
    [[ $name =~ $pattern ]] || continue
    start=$SECONDS
    # A script that hangs is ended with what it started: its process group and its mounts are its own.
    TEST_TIMEOUT=${TEST_TIMEOUT:-$((7200 * ${FAULTS_TIMES:-1}))} tests/limited.sh "$t" >"$out" 2>&1 </dev/null
    code=$?
    good=$(grep -c '^ok ' "$out")
    bad=$(grep -c '^not ok ' "$out")
    [ $code -eq 0 ] || [ "$bad" -gt 0 ] || bad=1
    passed=$((passed + good)) failed=$((failed + bad))
    printf '%-34s %3d passed, %d failed  (%d s)\n' "faults-$name" "$good" "$bad" $((SECONDS - start))
    if [ "$bad" -gt 0 ]; then { grep -A 8 "^not ok " "$out"; tail -n 20 "$out"; } | sed "s/^/    /"; else grep '^# ' "$out" | sed 's/^/    /'; fi
done
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
