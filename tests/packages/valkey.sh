#!/bin/bash
# Relays that share through Valkey, and through the Redis of Debian 13, in a clean system: postern built there, with its hiredis, and
# all scripts about relays that share run with these servers. TAP lines on stdout. Needs root, a Debian mirror and some minutes:
# "make check-valkey".
#
#   tests/packages/valkey.sh [SCRIPT...]     only tests/integration/SCRIPT.sh
set -u
cd "$(dirname "$0")/../.." || exit 1
. tests/packages/clean.sh

if [ "$(id -u)" -ne 0 ]; then
    echo 'ok valkey # SKIP installing needs root'
    exit 0
fi
T=$(mktemp -d /tmp/postern-valkey.XXXXXX)
root=$T/root
trap 'rm -rf --one-file-system "$T"' EXIT
trap 'exit 1' INT TERM
status=0

# What counts system calls is no question of the server.
scripts=("$@")
[ $# -gt 0 ] || mapfile -t scripts < <(basename -s .sh tests/integration/cluster.sh tests/integration/cluster_*.sh | grep -v '_lib$\|_mail_path$')

make_root()
{
    clean_make trixie "$root" && clean_tree "$root" &&
        clean_inside "$root" /src/scripts/install-dependencies.sh build &&
        clean_inside "$root" apt-get install -y --no-install-recommends python3 python3-cryptography jq procps binutils openssl \
            valkey-server valkey-tools redis-server redis-tools
}

no_warning() { clean_inside "$root" make -C /src -s -j "$(nproc)" WERROR=-Werror all; }

# run_with SERVER SCRIPT: its output and status are kept.
run_with()
{
    clean_inside "$root" env "REDIS_SERVER=$1-server" "REDIS_CLI=$1-cli" BUILD=build/release ${RELAY_WAIT_S:+"RELAY_WAIT_S=$RELAY_WAIT_S"} \
        "/src/tests/integration/$2.sh" >"$T/$1-$2.out" 2>&1
    echo $? >"$T/$1-$2.code"
}
export -f run_with clean_inside
export root T

# What it printed comes last where nothing in it failed, else what failed: logs are long.
passed()
{
    cat "$T/$1-$2.out"
    ! grep -A 2 '^not ok \|# SKIP' "$T/$1-$2.out" && grep -q '^ok ' "$T/$1-$2.out" && [ "$(cat "$T/$1-$2.code")" -eq 0 ]
}

if ! make_root >"$T/said" 2>&1; then
    tail -n 3 "$T/said" | sed 's/^/    /'
    echo "ok valkey # SKIP no clean system can be made from $(clean_mirror)"
    exit 0
fi
check 'postern is built with the hiredis of Debian 13, without a warning' no_warning || exit 1
for server in valkey redis; do
    version=$(clean_inside "$root" $server-server --version | sed -n 's/.* v=\([0-9.]*\).*/\1/p')
    printf '%s\n' "${scripts[@]}" | xargs -P $((2 * $(nproc))) -I{} bash -c "run_with $server {}"
    for script in "${scripts[@]}"; do check "$server $version: $script" passed "$server" "$script"; done
done
exit $status
