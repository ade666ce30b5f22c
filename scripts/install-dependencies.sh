#!/bin/sh
# Installs what is missing of the Debian packages that building, testing or the demonstration need.
#
#   scripts/install-dependencies.sh build|test|deb|bench|clients
#
# "test" holds "build" and adds compilers' tools and the servers that tests and demonstration run on loopback. "deb" holds
# "build" and adds what makes Debian packages, checks them and makes the clean system that they are tested in. "bench" holds
# "test" and adds the programs that postern's speed is compared with, and what counts instructions. "clients" holds "test" and
# adds the mail clients that are tried. Nothing is started:
# services of packages that are installed here stay off.
set -eu

build='gcc make pkg-config libc6-dev libmilter-dev libevent-dev libconfig-dev liblmdb-dev libidn2-dev libunistring-dev
libjansson-dev libcurl4-openssl-dev libssl-dev'
# libnet-ssleay-perl: swaks' TLS. llvm: the sanitizers name functions with its llvm-symbolizer, also those of other libraries'
# leaks that tests know. libemail-address-xs-perl, libmailtools-perl: readers for the From oracle.
test="$build libcmocka-dev clang libclang-rt-14-dev llvm clang-format clang-tidy cppcheck shellcheck systemd postfix
dovecot-core miltertest swaks libnet-ssleay-perl curl openssl lmdb-utils python3 python3-cryptography python3-milter haproxy
jq mandoc strace libfaketime e2fsprogs iproute2 procps debhelper libemail-address-xs-perl libmailtools-perl"
deb="$build dpkg-dev debhelper lintian mandoc mmdebstrap"
bench="$test postfwd policyd-rate-limit rspamd redis-server opendkim valgrind"
clients="$test ruby php-cli libphp-phpmailer default-jdk-headless libjakarta-mail-java
nodejs node-nodemailer msmtp"

case "${1:-}" in
build) wanted=$build ;;
test) wanted=$test ;;
deb) wanted=$deb ;;
bench) wanted=$bench ;;
clients) wanted=$clients ;;
*)
    echo "usage: $0 build|test|deb|bench|clients" >&2
    exit 2
    ;;
esac

missing=
for package in $wanted; do
    status=$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null || true)
    [ "$status" = installed ] || missing="$missing $package"
done
[ -n "$missing" ] || exit 0

if [ "$(id -u)" -ne 0 ]; then
    echo "these packages are missing, and installing them needs root:$missing" >&2
    exit 1
fi

# policy-rc.d (invoke-rc.d's policy layer) says that no service may be started now. One that is there already stays.
policy=/usr/sbin/policy-rc.d
if [ ! -e $policy ]; then
    printf '#!/bin/sh\nexit 101\n' >$policy
    chmod 755 $policy
    trap 'rm -f $policy' EXIT
fi

echo "installing:$missing"
export DEBIAN_FRONTEND=noninteractive
echo 'postfix postfix/main_mailer_type select No configuration' | debconf-set-selections
log=$(mktemp)
# shellcheck disable=SC2086 # a list of names
if ! { apt-get update && apt-get install -y --no-install-recommends $missing; } >"$log" 2>&1 </dev/null; then
    cat "$log" >&2
    echo "installing failed: the lines above say why" >&2
    rm -f "$log"
    exit 1
fi
rm -f "$log"
