#!/bin/bash
# doc/web.md's "From your own machine: ssh", word by word, in a clean system that runs: every command is taken from there, and an account
# of a person opens the pages through "ssh -L", as a browser would. Says how long it took. TAP lines on stdout. Needs root, a Debian
# mirror, ssh and some minutes: "make check-web-first".
#
#   tests/packages/web.sh [RELEASE...]     bookworm and trixie unless given
set -u
cd "$(dirname "$0")/../.." || exit 1
. tests/packages/clean.sh

clean_each_release 'the first pages' "$@"
T=$(mktemp -d /tmp/postern-web-first.XXXXXX)
root=$T/root
. tests/packages/booted.sh
status=0
trap 'halt; rm -rf --one-file-system "$T"' EXIT
trap 'exit 1' INT TERM

# commands N: the commands of that block, without what is said of them.
commands()
{
    awk -v wanted="$1" '
        /^## / { inside = /^## From your own machine: ssh$/ }
        !inside { next }
        /^    / { if (!typed) block++; typed = 1; if (block == wanted) { sub(/^ */, ""); sub(/  *#.*/, ""); print } next }
        /./ { typed = 0 }' doc/web.md
}
known() { [ "$(commands 1 | wc -l)" = 3 ] && commands 2 | grep -qx 'ssh -L 8080:/run/postern-web/web.sock anna@relay'; }

# A relay that runs policyd and milter already, with the packages of this tree, and a person who logs in by ssh.
make_root()
{
    clean_make "$release" "$root" || return 1
    clean_inside "$root" apt-get install -y systemd adduser openssh-server curl || return 1
    printf 'APT::Get::Assume-Yes "true";\n' >"$root/etc/apt/apt.conf.d/90yes" # what a person says
    printf '127.0.0.1 localhost relay\n::1 localhost\n' >"$root/etc/hosts"
    clean_inside "$root" useradd -m -s /bin/bash anna || return 1
    clean_inside "$root" runuser -l anna -c 'mkdir -m 700 .ssh && ssh-keygen -q -t ed25519 -N "" -f .ssh/id_ed25519 && cp .ssh/id_ed25519.pub .ssh/authorized_keys && printf "StrictHostKeyChecking no\n" >.ssh/config' || return 1
    if [ "$release" = bookworm ] && ls build/deb/postern-web_*.deb >/dev/null 2>&1; then
        cp build/deb/*.deb "$root/root/"
    else
        clean_tree "$T" && cp -a "$root" "$T/builder" && mv "$T/src" "$T/builder/src" &&
            clean_inside "$T/builder" sh -c 'cd /src && apt-get install -y make && scripts/install-dependencies.sh deb && make deb' &&
            cp "$T"/builder/src/build/deb/*.deb "$root/root/" || return 1
    fi
    rm -f "$root"/root/*dbgsym*
}
start()
{
    boot 'ssh*' && online sh -c 'cd /root && apt install ./postern_*.deb ./postern-policyd_*.deb ./postern-milter_*.deb ./postern-mirror_*.deb ./postern-common_*.deb' &&
        running sh -c 'printf "%s\n" anna@contoso.example >/root/mailboxes.txt' &&
        running postern-mirror import --tenant contoso /root/mailboxes.txt &&
        running systemctl start postern-policyd ssh systemd-user-sessions # until that has run, nobody logs in
}

follow()
{
    local line
    while read -r -u 3 line; do
        printf 'correct horse battery\n' >"$T/input"
        case $line in
        'apt install'*) input=$T/input check "$line" online sh -c "cd /root && $line" || return 1 ;;
        *) input=$T/input check "$line" running sh -c "cd /root && $line" || return 1 ;;
        esac
    done 3< <(commands "$1")
}
# With the line of the document; -N -f, as nobody types there.
forward() { running runuser -l anna -c "$(commands 2 | sed 's/^ssh /ssh -N -f -o ExitOnForwardFailure=yes /')"; }
page() { running runuser -l anna -c 'curl -sS --compressed --max-time 60 http://localhost:8080/ | grep "<main"'; }
signed_in()
{
    running runuser -l anna -c 'cd && curl -sS --max-time 60 -c jar -H "Content-Type: application/json" -H "Origin: http://localhost:8080" -d "{\"name\": \"anna\", \"password\": \"correct horse battery\"}" http://localhost:8080/api/v1/login' | grep '"admin"' &&
        running runuser -l anna -c 'curl -sS --max-time 60 -b jar http://localhost:8080/api/v1/mailboxes/anna@contoso.example' | grep '"known": true'
}
# Nobody else: www-data is in no group of it.
refused_to_others() { ! running setpriv --reuid=www-data --regid=www-data --clear-groups curl -sS --max-time 60 --unix-socket /run/postern-web/web.sock http://localhost/healthz; }
# A hung one, which the service manager ends.
replaced()
{
    local before now
    before=$(running systemctl show -P MainPID postern-web)
    running kill -STOP "$before"
    for _ in $(seq 600); do
        now=$(running systemctl show -P MainPID postern-web)
        [ "$now" = "$before" ] || [ "$now" = 0 ] || { page && return 0; }
        sleep 0.5
    done
    return 1
}

if ! make_root >"$T/said" 2>&1 || ! start >>"$T/said" 2>&1; then
    tail -n 5 "$T/said" | sed 's/^/    /'
    echo "ok $release: the first pages # SKIP no clean system could be made, or booted, here"
    exit 0
fi
check 'the document has the commands that are followed here' known || exit 1
begun=$(date +%s)
follow 1 || exit 1
check 'a person forwards the socket' forward
check 'a page is there' page
check 'who signs in sees a mailbox' signed_in
echo "# that took $(($(date +%s) - begun)) seconds"
check 'others on the relay do not get there' refused_to_others
check 'one that hangs is replaced' replaced
exit $status
