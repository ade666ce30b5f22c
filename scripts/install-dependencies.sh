#!/bin/sh
# Installs what is missing of the Debian packages that building, testing or the demonstration need, on Debian 12 or 13.
#
#   scripts/install-dependencies.sh LIST...     build, demo, demo-cluster, demo-web, test, web-proxies, deb, clean, bench, clients, browser
#
# "build" is enough for "make". "demo" holds it and adds the servers and clients that the demonstration runs on loopback;
# "demo-web" holds that and adds what forwards a port; "demo-cluster" holds "demo" and adds what several relays share. "test" holds
# that and adds compilers' tools and what else the tests run. "web-proxies" holds "test" and adds the web servers before postern-web
# that need more than the tests have. "deb" holds "build" and adds what makes Debian packages. "clean" is what makes clean systems
# to build and test in; these install what they need themselves. "bench" holds "test" and adds the programs that postern's speed is compared with, and what
# counts instructions. "clients" holds "test" and adds the mail clients that are tried. "browser" holds "build" and adds what looks
# at the pages of postern-web. Nothing is started: services of packages that are installed here stay off.
set -eu

build='gcc make pkg-config libc6-dev libmilter-dev libevent-dev libconfig-dev liblmdb-dev libsqlite3-dev libidn2-dev libunistring-dev
libcrypt-dev libjansson-dev libcurl4-openssl-dev libssl-dev libxxhash-dev libhiredis-dev'
# libnet-ssleay-perl: swaks' TLS.
demo="$build postfix dovecot-core swaks libnet-ssleay-perl curl openssl procps"
demo_web="$demo python3"
demo_cluster="$demo haproxy redis-server python3"
# llvm: the sanitizers name functions with its llvm-symbolizer, also those of other libraries' leaks that tests know.
# redis-server (of demo_cluster): the relays of a cluster meet there.
# nginx-light: hands the directory to the relays that follow.
# libemail-address-xs-perl, libmailtools-perl: readers for the From oracle.
test="$demo_cluster libcmocka-dev clang libclang-rt-dev llvm clang-format clang-tidy cppcheck shellcheck systemd
miltertest lmdb-utils sqlite3 python3-cryptography python3-milter nginx-light jq mandoc strace libfaketime e2fsprogs iproute2 fail2ban debhelper libemail-address-xs-perl libmailtools-perl"
web_proxies="$test apache2 libapache2-mod-auth-openidc"
deb="$build build-essential debhelper"
clean=mmdebstrap
bench="$test postfwd policyd-rate-limit rspamd opendkim valgrind"
clients="$test ruby php-cli libphp-phpmailer default-jdk-headless libjakarta-mail-java
nodejs node-nodemailer msmtp"
browser="$build python3 procps chromium fonts-dejavu-core nodejs"
# Some packages of nodejs, not Debian's, bring npm along, and exclude the one of that name.
command -v npm >/dev/null || browser="$browser npm"

wanted=
for list in "${@:-none}"; do
    case $list in
    build) wanted="$wanted $build" ;;
    demo) wanted="$wanted $demo" ;;
    demo-cluster) wanted="$wanted $demo_cluster" ;;
    demo-web) wanted="$wanted $demo_web" ;;
    test) wanted="$wanted $test" ;;
    web-proxies) wanted="$wanted $web_proxies" ;;
    deb) wanted="$wanted $deb" ;;
    clean) wanted="$wanted $clean" ;;
    bench) wanted="$wanted $bench" ;;
    clients) wanted="$wanted $clients" ;;
    browser) wanted="$wanted $browser" ;;
    *)
        echo "usage: $0 build|demo|demo-cluster|demo-web|test|web-proxies|deb|clean|bench|clients|browser..." >&2
        exit 2
        ;;
    esac
done

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
policy=/usr/sbin/policy-rc.d no_start=
if [ ! -e $policy ]; then
    printf '#!/bin/sh\nexit 101\n' >$policy
    chmod 755 $policy
    no_start=yes
fi

answered=
log=$(mktemp)
undo()
{
    rm -f "$log" ${no_start:+"$policy"}
    [ -z "$answered" ] || echo PURGE | debconf-communicate postfix >/dev/null
}
trap undo EXIT
trap 'exit 1' INT TERM

echo "installing:$missing"
export DEBIAN_FRONTEND=noninteractive
# Postfix as Debian sets it up would listen to the network from the next start on: the tests bring a configuration of their own
# and want none there. That answer is for this one installation; debconf forgets it, and asks whoever makes a relay of this machine
# one day (dpkg-reconfigure postfix). Answers that are there already hold, and stay.
case " $missing " in
*' postfix '*)
    if ! grep -qs '^Name: postfix/main_mailer_type$' /var/cache/debconf/config.dat; then
        answered=yes
        echo 'postfix postfix/main_mailer_type select No configuration' | debconf-set-selections
    fi
    ;;
esac
# shellcheck disable=SC2086 # a list of names
if ! { apt-get update && apt-get install -y --no-install-recommends $missing; } >"$log" 2>&1 </dev/null; then
    cat "$log" >&2
    echo "installing failed: the lines above say why" >&2
    exit 1
fi
