#!/bin/bash
# What "make install" and the Debian packages put in place: every file and folder with its mode, whoever installs with whatever umask.
# TAP lines. BUILD: the folder with programs.
set -u
cd "$(dirname "$0")/../.." || exit 1
build=$(realpath "${BUILD:-build/asan}")
D=$(mktemp -d "${TMPDIR:-/tmp}/postern-install.XXXXXX")
trap 'rm -rf "$D"' EXIT
trap 'exit 1' INT TERM
status=0

same()
{
    if said=$(diff "$2" "$3"); then echo "ok $1"; else echo "not ok $1"; printf '%s\n' "$said" | sed 's/^/    /'; status=1; fi
}
is() { if [ "$2" = "$3" ]; then echo "ok $1"; else echo "not ok $1"; printf '    got:      %s\n    expected: %s\n' "$2" "$3"; status=1; fi; }

# modes FOLDER: MODE PATH of all that is in it.
modes() { (cd "$1" && find . -mindepth 1 -printf '%m %P\n' | sort -k 2); }
# expected FOLDER: what they have to be. Programs run, the rest is read; secrets are for their owner alone.
expected()
{
    (cd "$1" && find . -mindepth 1 -printf '%y %P\n' | sort -k 2) | while read -r type path; do
        case $type\ $path in
        d\ etc/postern/secrets) echo "700 $path" ;;
        d\ *) echo "755 $path" ;;
        f\ usr/bin/* | f\ usr/sbin/*) echo "755 $path" ;;
        f\ *) echo "644 $path" ;;
        *) echo "no $type $path" ;;
        esac
    done
}

for mask in 022 077 000; do
    (umask $mask && mkdir -m 755 "$D/$mask" && scripts/install.sh "$build" "$D/$mask" /usr /etc) >"$D/log" 2>&1 || cat "$D/log"
    modes "$D/$mask" >"$D/modes"
    expected "$D/$mask" >"$D/expected"
    same "every mode of make install is right with umask $mask" "$D/expected" "$D/modes"
done
is 'the networks of Exchange Online are where audit and check-postfix look for them' \
    "$(cat "$D/022$(grep -o '/usr/share/postern/' core/report/cloud_networks.c)exchange-online-networks")" "$(cat conf/exchange-online-networks)"
is 'there are secrets to look at, a configuration and all programs' \
    "$(grep -cE '^(700 etc/postern/secrets|644 etc/postern/postern.conf|755 usr/s?bin/postern(-[a-z]+)?)$' "$D/modes")" 10

chmod 750 "$D/022/etc/postern/secrets"
echo '# by hand' >"$D/022/etc/postern/postern.conf"
scripts/install.sh "$build" "$D/022" /usr /etc >"$D/log" 2>&1 || cat "$D/log"
is 'what the administrator has changed stays' "$(stat -c %a "$D/022/etc/postern/secrets") $(cat "$D/022/etc/postern/postern.conf")" '750 # by hand'

# ---- folders that systemd makes ----
scripts/install.sh "$build" "$D/local" /usr/local /usr/local/etc >"$D/log" 2>&1 || cat "$D/log"
is 'systemd is told of this installation'"'"'s secrets' "$(grep -c '^d /usr/local/etc/postern/secrets 0700 root root -$' "$D/local/usr/local/lib/tmpfiles.d/postern.conf")" 1
is 'no installed file has a place that was not filled in' "$(grep -rlE '@(PREFIX|SYSCONFDIR)@' "$D/local" --include=*.conf --include=*.service --include=*.timer --include=*.path --include=*.socket)" ''
# What others than its owner may write: notices, by their sender's program.
is 'nobody but its owner may write to a folder that should be his' \
    "$(awk '$1 == "d" && substr($3, length($3) - 1, 1) ~ /[2367]/ || $1 == "d" && $3 ~ /[2367]$/ { print $2 }' conf/systemd/tmpfiles.conf | tr '\n' ' ')" \
    '/var/lib/postern/spool/alerts '
is 'the program for notices cannot reach requests to switch SMTP AUTH off' \
    "$(sed -n 's/^InaccessiblePaths=//p' conf/systemd/postern-alert.service | tr ' ' '\n' | grep -c '^-/var/lib/postern/spool/disable$')" 1
is 'nor write anywhere but where notices are' "$(sed -n 's/^ReadWritePaths=//p' conf/systemd/postern-alert.service)" '/var/lib/postern/spool/alerts'

# ---- the packages ----
if ! command -v dh_fixperms >/dev/null; then
    echo 'ok packages keep these modes # SKIP there is no debhelper'
    exit $status
fi
mkdir "$D/tree" && cp -r debian "$D/tree/" && cp -r "$D/077" "$D/tree/debian/tmp"
(
    cd "$D/tree" || exit 1
    mkdir -p debian/tmp/lib && mv debian/tmp/usr/lib/systemd debian/tmp/lib/ # as debian/rules does
    touch CHANGELOG.md README.md SECURITY.md
    # As "dh" does it: by the rules, where they say anything of it.
    dh_install
    if grep -q '^override_dh_fixperms:' debian/rules; then debian/rules override_dh_fixperms; else dh_fixperms; fi
) >"$D/log" 2>&1 || { cat "$D/log"; status=1; }
for package in "$D"/tree/debian/postern*/; do
    name=$(basename "$package")
    modes "$package" >"$D/modes"
    expected "$package" >"$D/expected"
    same "every mode of the package $name is right" "$D/expected" "$D/modes"
done
is 'and its secrets are in it' "$(stat -c %a "$D/tree/debian/postern-common/etc/postern/secrets")" 700
exit $status
