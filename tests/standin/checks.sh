# shellcheck shell=bash
# shellcheck disable=SC2154 # work is the caller's
# Numbered TAP lines for scripts that keep the last command's output in $work/out. Sourced; sets number and bad, which counts
# what failed.
#
#   check NAME CONDITION...   a command that must succeed
#   ok NAME, not_ok NAME [LINE...]
number=0 bad=0

ok()
{
    number=$((number + 1))
    echo "ok $number $1"
}
not_ok()
{
    number=$((number + 1)) bad=$((bad + 1))
    echo "not ok $number $1"
    shift
    printf '    %s\n' "$@"
    sed 's/^/    | /' "$work/out" | head -n 30
}
check()
{
    local name=$1
    shift
    if "$@"; then ok "$name"; else not_ok "$name" "failed: $*"; fi
}
