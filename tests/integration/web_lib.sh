# shellcheck shell=bash disable=SC2034 # whoever sources this has them
# For tests of postern-web without Postfix: a folder $T, and programs that end with the test. Sourced, from the tree's root. BUILD: the
# folder with programs.
. scripts/relay.sh
. tests/e2e/lib.sh
build=$(realpath "${BUILD:-build/asan}")
T=$(mktemp -d "${TMPDIR:-/tmp}/postern-web.XXXXXX")
relay_pids=
finish() { for pid in $relay_pids; do kill "$pid" 2>/dev/null; done; wait; rm -rf "$T"; }
trap finish EXIT
trap 'exit 1' INT TERM
mkdir "$T/run" "$T/lib"

# start NAME: the program, whose number is $NAME then, with a listener of that name.
policyd='' web=''
start()
{
    "$build/postern-$1" -c "$T/postern.conf" >>"$T/$1.log" 2>&1 &
    relay_pids="$relay_pids $!"
    declare -g "$1=$!"
    relay_wait relay_listens_at "$T/run/$1.sock"
}
