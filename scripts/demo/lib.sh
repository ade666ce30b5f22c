# shellcheck shell=bash disable=SC2034 # whoever sources this has them
# For the demonstrations. Sourced, from the tree's root, with the words of the command: $programs is the folder that -b names, and what
# else was said stays.
. scripts/relay.sh

programs=build/release
while getopts b: option; do
    case $option in
    b) programs=$OPTARG ;;
    *) exit 2 ;;
    esac
done
shift $((OPTIND - 1))
trap relay_stop EXIT

# fail WORD...: what went wrong, with the last lines of the logs that demo_logs names, and the end.
fail()
{
    local log
    echo "demo: $*" >&2
    for log in $(demo_logs); do
        [ ! -s "$T/$log" ] || { echo "---- ${log%.log} ----" >&2; tail -n 20 "$T/$log" >&2; }
    done
    exit 1
}

# The exports of contoso and fabrikam.
import_tenants()
{
    bash scripts/demo/make-exports.sh "$T/lib"
    for tenant in contoso fabrikam; do
        relay_import --tenant $tenant "$T"/lib/$tenant-* >>"$T/mirror.log" 2>&1 || fail "the import of $tenant failed"
    done
}
