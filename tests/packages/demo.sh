#!/bin/bash
# "make demo" and "make demo-cluster" in clean Debian systems that have nothing but make: with the Postfix, Dovecot, compiler and libmilter of each; and all
# forms of a login through the Dovecot configuration that is shipped for each. TAP lines on stdout. Needs root, a Debian mirror and some minutes: "make check-demo".
#
#   tests/packages/demo.sh [RELEASE...]     bookworm and trixie unless given
set -u
cd "$(dirname "$0")/../.." || exit 1
. tests/packages/clean.sh

if [ "$(id -u)" -ne 0 ]; then
    echo 'ok demo # SKIP installing needs root'
    exit 0
fi
T=$(mktemp -d /tmp/postern-demo.XXXXXX)
trap 'rm -rf --one-file-system "$T"' EXIT
trap 'exit 1' INT TERM
status=0

logins()
{
    clean_inside "$root" apt-get install -y --no-install-recommends python3 &&
        clean_inside "$root" sh -c 'cd /src && BUILD=build/release tests/interop/logins.sh'
}

# What debconf would ask whoever installs Postfix there, to relay mail, is still to be asked.
postfix_unanswered() { ! clean_inside "$root" grep -A 5 '^Name: postfix/' /var/cache/debconf/config.dat; }
postfix_unconfigured() { [ ! -e "$root/etc/postfix/main.cf" ]; }

# Debconf's answers of a machine that is to become a relay hold.
answers_hold()
{
    clean_inside "$root" sh -c "apt-get purge -y postfix &&
        echo 'postfix postfix/main_mailer_type select Local only' | debconf-set-selections && /src/scripts/install-dependencies.sh demo" || return 1
    clean_inside "$root" debconf-show postfix | tee /dev/stderr | grep -q 'main_mailer_type: Local only' &&
        [ -e "$root/etc/postfix/main.cf" ]
}

[ $# -gt 0 ] || set -- bookworm trixie
for release; do
    root=$T/$release
    if ! clean_make "$release" "$root" >"$T/said" 2>&1; then
        tail -n 3 "$T/said" | sed 's/^/    /'
        echo "ok $release: demo # SKIP no clean system can be made from $(clean_mirror)"
        continue
    fi
    clean_tree "$root"
    check 'make can be installed' clean_inside "$root" apt-get install -y --no-install-recommends make || continue
    check '"make demo" shows what it promises' clean_inside "$root" make -C /src demo
    check '"make demo-cluster", too' clean_inside "$root" make -C /src demo-cluster
    check 'its Dovecot lets in what is promised' logins
    check 'it leaves Postfix without a configuration' postfix_unconfigured
    check 'and debconf without answers about it' postfix_unanswered
    check 'answers that are there already hold' answers_hold
    rm -rf --one-file-system "$root"
done
exit $status
