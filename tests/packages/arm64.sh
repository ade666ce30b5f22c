#!/bin/bash
# postern for arm64: built by Debian's cross compiler in a clean Debian 13, with all that a release has; the unit tests run there
# by qemu's emulation of a processor. A compiler for a 32-bit machine is refused. TAP lines on stdout. Needs root, a Debian mirror
# and some minutes: "make check-arm64".
set -u
cd "$(dirname "$0")/../.." || exit 1
. tests/packages/clean.sh

if [ "$(id -u)" -ne 0 ]; then
    echo 'ok arm64 # SKIP installing needs root'
    exit 0
fi
T=$(mktemp -d /tmp/postern-arm64.XXXXXX)
root=$T/root
trap 'rm -rf --one-file-system "$T"' EXIT
trap 'exit 1' INT TERM
status=0

# The libraries are those that scripts/install-dependencies.sh names, of the other architecture.
make_root()
{
    local libraries
    mapfile -t libraries < <(sed -n "/^build='/,/'\$/p" scripts/install-dependencies.sh | grep -o '\<lib[a-z0-9-]*-dev\>')
    clean_make trixie "$root" && clean_tree "$root" && clean_inside "$root" dpkg --add-architecture arm64 &&
        clean_inside "$root" apt-get update &&
        clean_inside "$root" apt-get install -y --no-install-recommends make gcc-aarch64-linux-gnu libc6-dev-arm64-cross \
            gcc-arm-linux-gnueabihf libcmocka-dev:arm64 qemu-user "${libraries[@]/%/:arm64}"
}

cross()
{
    clean_inside "$root" make -C /src -s -j "$(nproc)" CC=aarch64-linux-gnu-gcc AR=aarch64-linux-gnu-ar WERROR=-Werror "$@"
}

are_arm64()
{
    local program machine
    for program in "$root"/src/build/release/postern*; do
        machine=$(od -An -t u2 -j 18 -N 2 "$program") # e_machine of an ELF file; EM_AARCH64 is 183
        echo "$program: $machine"
        [ "$machine" -eq 183 ] || return 1
    done
}

# It would be libatomic's lock, of which processes that share a file know nothing.
no_lock_for_pairs() { ! clean_inside "$root" sh -c 'aarch64-linux-gnu-nm -u /src/build/release/core/*/*.o | grep " __atomic_.*16"'; }

# What the emulation of user programs does not have: the program's own name in /proc (qemu's stands there), and mutexes that the
# kernel gives on when their owner is killed (set_robust_list).
not_emulated()
{
    case $1 in
    test_processes) echo 'emulated, a program is called qemu' ;;
    test_journal) echo 'emulated, no robust mutex is freed by kill -9' ;;
    *) return 1 ;;
    esac
}

refused()
{
    ! clean_inside "$root" make -C /src CC=arm-linux-gnueabihf-gcc all >"$T/refusal" 2>&1
    cat "$T/refusal"
    grep -q 'builds for a 32-bit machine (arm-linux-gnueabihf): postern needs a 64-bit one' "$T/refusal"
}

if ! make_root >"$T/said" 2>&1; then
    tail -n 3 "$T/said" | sed 's/^/    /'
    echo "ok arm64 # SKIP no clean system can be made from $(clean_mirror)"
    exit 0
fi
check 'all programs are built for arm64, without a warning' cross all || exit 1
check 'arm64 is what they are for' are_arm64
check 'pairs of words change in one instruction' no_lock_for_pairs
check 'the unit tests are built' cross GCC_OPT=-fno-lto unit || exit 1
for test in "$root"/src/build/release/tests/unit/test_*; do
    case $test in *.o | *.d) continue ;; esac
    name=$(basename "$test")
    ! why=$(not_emulated "$name") || { echo "ok $name # SKIP $why"; continue; }
    check "$name" clean_inside "$root" sh -c "cd /src && timeout 600 qemu-aarch64 build/release/tests/unit/$name"
done
check 'a 32-bit machine is refused with a sentence' refused
exit $status
