#!/bin/bash
# The Debian packages, on Debian 12 and 13: built in a clean system that has nothing but make, judged by its lintian, and
# installed, started, upgraded, removed and purged in another one below a temporary folder, which runs with a service manager,
# devices, control groups and a network of its own. TAP lines on stdout. Needs root, a Debian mirror and some minutes:
# "make check-packages".
#
#   tests/packages/run.sh [RELEASE...]     bookworm and trixie unless given
#   DEBIAN_MIRROR=URL     in the place of the mirror that this machine's apt uses
set -u
cd "$(dirname "$0")/../.." || exit 1
. tests/packages/clean.sh

clean_each_release packages "$@"
T=$(mktemp -d /tmp/postern-packages.XXXXXX)
root=$T/root
. tests/packages/booted.sh
. tests/packages/actions.sh
status=0
trap 'halt; rm -rf --one-file-system "$T"' EXIT
trap 'exit 1' INT TERM

# ---- building ----

# As a newcomer does it: make and nothing else is there; "make deb" installs what it needs.
make_builder()
{
    clean_make "$release" "$T/builder" && clean_tree "$T/builder" &&
        clean_inside "$T/builder" apt-get install -y --no-install-recommends make
}

sources() { (cd "$T/builder/src" && find . -path ./build -prune -o -type f -printf '%p %s %T@\n' | sort); }

build()
{
    sources >"$T/before"
    clean_inside "$T/builder" make -C /src deb && mv "$T/builder/src/build/deb" "$T/new"
}
sources_untouched() { sources | diff "$T/before" -; }
no_warning() { ! grep -n 'warning:' "$T/new/build.log"; }

# What building does not need is not installed for it.
nothing_more()
{
    ! clean_inside "$T/builder" dpkg-query -W -f '${Package}\n' 'postfix*' 'dovecot*' lintian clang mandoc mmdebstrap 2>/dev/null | grep .
}

# The same tree as an earlier version with another default configuration. Optimizing it would only take time.
build_earlier()
{
    local tree=$T/builder/src
    sed -i 's/^VERSION .*/VERSION  = 0.0.9/; s/-flto=auto -ffat-lto-objects//' "$tree/Makefile"
    sed -i '1s/(.*)/(0.0.9)/' "$tree/debian/changelog"
    echo '## [0.0.9]' >>"$tree/CHANGELOG.md"
    echo '# As an earlier version had it.' >>"$tree/conf/postern.conf"
    clean_inside "$T/builder" make -C /src deb && mv "$tree/build/deb" "$T/old"
}

lint()
{
    clean_inside "$T/builder" apt-get install -y --no-install-recommends lintian mandoc || return 1
    mkdir "$T/builder/new" && cp "$T"/new/* "$T/builder/new/"
    clean_inside "$T/builder" sh -c 'lintian --allow-root --fail-on error,warning --tag-display-limit 0 /new/*.changes'
}

# ---- the clean system ----

make_root()
{
    clean_make "$release" "$root" || return 1
    cp tests/packages/ask.pl tests/packages/web.pl "$root/usr/local/lib/"
    mkdir "$root/debs" && cp -r "$T/old" "$T/new" "$root/debs/"
    rm -f "$root"/debs/*/*dbgsym*
    inside apt-get install -y --no-install-recommends postfix dovecot-core openssl python3-cryptography
}

inside() { clean_inside "$root" "$@"; }

# The packages of FOLDER, as an unattended upgrade installs them: a configuration that was changed stays. "running" or
# "inside" comes first.
install()
{
    "$1" sh -c "apt-get install -y --no-install-recommends -o Dpkg::Options::=--force-confdef \
        -o Dpkg::Options::=--force-confold /debs/$2/*.deb"
}

# ---- what is asked of an installed system ----

# version VERSION: every program says that it is of this version.
version()
{
    local program
    for program in $programs; do
        running "$program" -V | tee /dev/stderr | grep -qF "$1" || return 1
    done
}

services_enabled()
{
    local unit name
    for unit in "$root"/lib/systemd/system/postern-*.service; do
        name=$(basename "$unit")
        echo "$name"
        case $name in postern-sasl.service | postern-cluster.service) continue ;; esac
        ! grep -q '^\[Install\]' "$unit" || [ "$(running systemctl is-enabled "$name")" = enabled ] || return 1
    done
    [ -L "$root/etc/systemd/system/multi-user.target.wants/postern-policyd.service" ]
}

# An earlier version has none.
door_is() { [ ! -e "$root/lib/systemd/system/postern-sasl.service" ] || [ "$(running systemctl is-enabled postern-sasl)" = "$1" ]; }
timer_is() { [ "$(running systemctl is-enabled postern-mirror.timer)" = "$1" ]; }

# Lines that are ignored are an error, too.
units_valid()
{
    running sh -c 'systemd-analyze verify --man=no /lib/systemd/system/postern*.*' && ! running journalctl --no-pager -b | grep '/system/postern[^ ]*:[0-9]*: '
}

# folder PATH OWNER:GROUP MODE
folder()
{
    [ "$(running stat -c '%U:%G %a' "$1")" = "$2 $3" ] || { running stat -c '%n %U:%G %a' "$1"; return 1; }
}
folders()
{
    folder /run/postern postern:postfix 2750 && folder /var/lib/postern postern:postern 750 &&
        folder /var/lib/postern/directory postern:postern 750 && folder /var/lib/postern/journal postern:postern 2750 &&
        folder /var/lib/postern/spool postern:postern 2750 && folder /var/lib/postern/spool/alerts postern:postern 2770 &&
        folder /var/lib/postern/spool/disable postern:postern 2750 && folder /var/lib/postern/spool/cluster postern:postern 2750 &&
        folder /etc/postern root:root 755 &&
        folder /etc/postern/secrets root:root 700 && folder /etc/postern/postern.conf root:root 644
}

# Of all that the packages hold: root's, and nobody else writes to it; programs run, the rest is read.
modes_right()
{
    # shellcheck disable=SC2016 # for the shell in there
    running sh -c 'dpkg -L $(dpkg-query -W -f "\${Package} " "postern*") | sort -u | xargs -d "\n" stat -c "%U:%G %a %F %n"' |
        awk '{ mode = $3 == "directory" ? "755" : $NF ~ /^\/usr\/s?bin\// ? "755" : "644" }
             $NF == "/etc/postern/secrets" { mode = "700" }
             $3 == "symbolic" { mode = "777" }
             { n++ }
             $1 != "root:root" || $2 != mode { print $0 ": expected root:root " mode; wrong = 1 }
             END { if (n < 30) print n " files only"; exit wrong || n < 30 }'
}

# Requests to switch SMTP AUTH off are out of the reach of the program for notices, by its sandbox and by their modes.
requests_hidden()
{
    local pid
    pid=$(running systemctl show -P MainPID postern-alert)
    [ "$(running stat -c %a "/proc/$pid/root/var/lib/postern/spool/disable")" = 0 ] || return 1
    ! running setpriv --reuid=postern-alert --regid=postern --clear-groups touch /var/lib/postern/spool/disable/x.json
}

accounts()
{
    local user
    for user in postern postern-alert postern-web; do
        grep "^$user:.*:/usr/sbin/nologin\$" "$root/etc/passwd" && grep -E "^$user:[!*]+:" "$root/etc/shadow" || return 1
    done
}

# Active, and of the program that is installed now: one that was replaced is called "(deleted)".
services_run()
{
    local link unit pid
    for link in "$root"/etc/systemd/system/multi-user.target.wants/postern*.service; do
        unit=$(basename "$link")
        pid=$(running systemctl show -P MainPID "$unit")
        running systemctl status --no-pager "$unit"
        [ "$(running systemctl is-active "$unit")" = active ] || return 1
        running readlink "/proc/$pid/exe" | tee /dev/stderr | grep -qx "/usr/sbin/${unit%.service}" || return 1
    done
}
no_process()
{
    running pgrep -a -u postern,postern-alert,postern-web
    [ $? -eq 1 ] # 2: pgrep could not look
}

# answers PATTERN PROGRAM [LOGIN INSTANCE]: as user postfix; a directory that has just come is seen within seconds.
answers()
{
    local pattern=$1 said
    shift
    for _ in $(seq 200); do
        said=$(running setpriv --reuid=postfix --regid=postfix --init-groups perl /usr/local/lib/ask.pl "$@" 2>&1)
        # shellcheck disable=SC2254  # a pattern is what is wanted
        case $said in
        $pattern) return 0 ;;
        *451\ 4.7.0*) sleep 0.5 ;;
        *) break ;;
        esac
    done
    echo "$said"
    return 1
}

# What web.pl says: the status and the body. The first of these comes when all services have said that they are there.
web_ready()
{
    for _ in $(seq 200); do
        [ "$(running perl /usr/local/lib/web.pl /readyz)" != '200 {"ready":true}' ] || return 0
        sleep 0.5
    done
    running perl /usr/local/lib/web.pl /readyz
    return 1
}
web_sees_all()
{
    running perl /usr/local/lib/web.pl /metrics >"$T/metrics"
    grep -q '^postern_directory_mailboxes{tenant="contoso"} 3$' "$T/metrics" && grep -q '^postern_decisions_total' "$T/metrics" &&
        grep -q '^postern_blocks 0$' "$T/metrics" || { cat "$T/metrics"; return 1; }
}
# By the service's own rights, which are those of its process.
web_can_change_nothing()
{
    local pid file
    pid=$(running systemctl show -P MainPID postern-web)
    running stat -c '%U:%G %a' /var/lib/postern/state/state | tee /dev/stderr | grep -qx 'postern:postern 640' || return 1
    for file in state/state directory journal/journal.sqlite spool/alerts; do
        running setpriv --reuid=postern-web --regid=postern-web --groups="$(running id -G postern-web | tr ' ' ,)" test -r "/var/lib/postern/$file" || return 1
        running nsenter --target "$pid" --mount setpriv --reuid=postern-web --regid=postern-web \
            --groups="$(running id -G postern-web | tr ' ' ,)" test ! -w "/var/lib/postern/$file" || return 1
    done
    running setpriv --reuid=postern-web --regid=postern-web --groups="$(running id -G postern-web | tr ' ' ,)" \
        test ! -w /var/lib/postern/state/state
}
# What it is asked for: its own folder, whose requests the helper removes.
web_can_ask()
{
    running systemctl is-enabled postern-act.path && running systemctl is-active postern-act.path &&
        folder /var/lib/postern/spool/web postern-web:postern-web 750 && folder /var/log/postern root:postern 2750 || return 1
    running setpriv --reuid=postern-web --regid=postern-web --clear-groups sh -c 'echo x >/var/lib/postern/spool/web/1-a.json'
    for _ in $(seq 300); do
        running test -e /var/lib/postern/spool/web/1-a.json || return 0
        sleep 0.2
    done
    running systemctl status --no-pager postern-act.service
    return 1
}
# What it cannot see itself is checked for it, by the unit as it is shipped, and again when Postfix's configuration changes.
web_has_check()
{
    local kept=/var/lib/postern/spool/checks/postfix.json before
    running systemctl is-active postern-check-postfix.path postern-check-postfix.timer &&
        folder /var/lib/postern/spool/checks postern:postern 2750 && running systemctl start postern-check-postfix.service &&
        folder "$kept" postern:postern 640 && running grep -q '"findings"' "$kept" || return 1
    before=$(running stat -c %i "$kept")
    running sh -c 'echo "# changed" >>/etc/postfix/main.cf'
    for _ in $(seq 300); do
        [ "$(running stat -c %i "$kept")" = "$before" ] || return 0
        sleep 0.2
    done
    running systemctl status --no-pager postern-check-postfix.path
    return 1
}
web_is_for_its_group()
{
    folder /run/postern-web/web.sock root:postern-web 660 && folder /etc/postern/web-users root:postern-web 640 &&
        ! running setpriv --reuid=nobody --regid=nogroup --clear-groups perl /usr/local/lib/web.pl /healthz
}

signs_in() { answers "$2" sasl "$(printf '\0%s\0secret' "$1" | base64)"; }

# The administrator's own: a limit, a list, the mailboxes.
set_up()
{
    echo 'limits = ( { name = "once"; per = "user"; count = "messages"; rate = "1/d"; burst = 1; then = "defer"; } );' \
        >>"$root/etc/postern/postern.conf"
    echo '# by hand' >"$root/etc/postern/allow"
    printf '%s@contoso.example\n' anna cleo dora >"$root/root/mailboxes.txt"
    cp "$root/etc/postern/postern.conf" "$T/postern.conf"
    running sh -c 'umask 077; postern web-user token packages --role metrics --expires never >/root/web-token' &&
        running postern-mirror import --tenant contoso /root/mailboxes.txt &&
        running systemctl reload postern-policyd postern-milter && running systemctl enable postern-mirror.timer
}

# By the words of postern-sasl(8), before the Dovecot of this release and our settings for it. It is the only way to Dovecot.
set_up_door()
{
    local settings=conf/dovecot/postern.conf
    case $(running dovecot --version) in 2.[0-3].*) ;; *) settings=conf/dovecot/postern-2.4.conf ;; esac
    sed -e '/^  unix_listener/,/^  }/d; /^  #unix_listener/,/^  #}/s/^  #/  /' "$settings" >"$root/etc/dovecot/dovecot.conf"
    printf '%s:{PLAIN}secret\n' anna@contoso.example nobody@contoso.example >"$root/etc/dovecot/users"
    running systemctl restart dovecot || return 1
    sed -i '/^sasl = {/,/^};/s|listen = ""|listen = "unix:/run/postern/sasl.sock"|' "$root/etc/postern/postern.conf"
    cp "$root/etc/postern/postern.conf" "$T/postern.conf"
    running systemctl enable --now postern-sasl && folder /run/postern/sasl.sock postern:postfix 660
}

# A reload with a mistake is a failure that says what is wrong, and the service goes on.
mistake_is_refused()
{
    local failed=1

    echo 'nonsense = 1;' >>"$root/etc/postern/postern.conf"
    running systemctl reload postern-policyd || failed=0
    running journalctl --no-pager -n 20 -u postern-policyd | grep -q nonsense || failed=1
    running postern status | grep -q '^Configuration: WRONG' || failed=1
    sed -i '$d' "$root/etc/postern/postern.conf"
    running systemctl is-active postern-policyd || failed=1
    [ "$failed" -eq 0 ]
}

configuration_kept()
{
    cmp "$T/postern.conf" "$root/etc/postern/postern.conf" && [ -e "$root/etc/postern/allow" ]
}

state_kept() { [ -s "$root/var/lib/postern/state/state" ] && [ -n "$(ls "$root/var/lib/postern/directory")" ]; }

programs_gone()
{
    ! find "$root"/usr/bin "$root"/usr/sbin "$root"/lib/systemd/system "$root"/usr/share/man -name 'postern*' | grep .
}

# The administrator's own file in /etc/postern is not the packages' to delete. The private /var/tmp of services that were cut off with
# the whole system is the service manager's: it goes at a start that runs systemd-tmpfiles, which test.target does not ask for.
nothing_left()
{
    rm "$root/etc/postern/allow"
    rmdir "$root/etc/postern" 2>/dev/null
    ! running sh -c 'find / /run -xdev \( -path /debs -o -path /root -o -path "/var/tmp/systemd-private-*" \) -prune -o \( -name "*postern*" -o -user postern \
        -o -group postern -o -user postern-alert -o -group postern-alert -o -user postern-web -o -group postern-web \) -print' | grep .
}

# ---- the tests ----

if ! make_builder >"$T/said" 2>&1; then
    tail -n 3 "$T/said" | sed 's/^/    /'
    echo "ok $release: packages # SKIP no clean system can be made from $(clean_mirror)"
    exit 0
fi
check '"make deb" builds the packages in a clean system' build || exit 1
check 'the compiler warns of nothing' no_warning
check 'it installs nothing that building does not need' nothing_more
check 'building changes nothing in the sources' sources_untouched
check 'lintian finds no error and no warning' lint
check 'an earlier version of them can be built' build_earlier || exit 1

check 'a clean system can be made' make_root || exit 1
check 'the earlier version can be installed in a clean system' install inside old || exit 1
programs=$(find "$root/usr/bin" "$root/usr/sbin" -name 'postern*' -type f -printf '%f ')
check 'its users cannot log in' accounts
if ! boot 'postern*' >"$T/said" 2>&1; then
    tail -n 3 "$T/said" | sed 's/^/    /'
    echo "ok $release: running in a clean system # SKIP it cannot be booted here"
    exit $status
fi
check 'every program of the earlier version runs' version 0.0.9
check 'its services are enabled' services_enabled
check 'but the timer of the mirror, which waits for its settings' timer_is disabled
check 'nor is the door at AUTH, which waits for them too' door_is disabled
check 'its units are valid' units_valid
check 'its services start' services_run
check 'its folders belong to who needs them, and to nobody else' folders
check 'every file and folder of it has its mode' modes_right
check 'nobody but the services can ask for SMTP AUTH to be switched off' requests_hidden
check 'a login is deferred while there is no directory' answers 'action=451 4.7.0*' policyd anna@contoso.example 1.0
check 'mailboxes can be brought in, and settings changed' set_up
check 'the milter answers Postfix' answers O milter
check 'the door at AUTH starts when it has a socket' set_up_door
check 'and runs in its sandbox' services_run
check 'it lets in who may' signs_in anna@contoso.example 'OK*user=anna@contoso.example*'
check 'and refuses a login without a mailbox' signs_in nobody@contoso.example 'FAIL*user=nobody@contoso.example*reason=5.7.139*'
check 'the policy server has nothing against a first message' answers 'action=DUNNO' policyd anna@contoso.example 1.1
check 'the web program answers on its socket, as all are there' web_ready
check 'and reads state, directory and journal' web_sees_all
check 'but can change none of them' web_can_change_nothing
check 'the helper takes what it asks for' web_can_ask
check 'Postfix is checked for it' web_has_check
check 'it answers root and its group, and nobody else' web_is_for_its_group
check 'a user who tries passwords shuts out no other' tries_of_each_user
check 'all that can be asked for can be switched on' set_up_actions
check 'logins are blocked, and unblocked' acts_on_blocks
check 'mail in the queue of Postfix is held, released and discarded' acts_on_queue
check 'lists are changed, of this relay and of all of a cluster' acts_on_lists
check 'services are told to read their configuration again' acts 'done *' '"verb": "reload"'
check 'SMTP AUTH is switched off in Exchange Online' acts_at_source
check 'the log has all of that' acts_are_logged
clear_actions
check 'it defers a second one that is over the limit' answers 'action=451 4.7.1*' policyd anna@contoso.example 1.2
check 'it refuses a login without a mailbox' answers 'action=550 5.7.139*' policyd nobody@contoso.example 1.3

check 'it can be upgraded while it runs' install running new
check 'every program is of the new version then' version "$(sed -n 's/^VERSION *= *//p' Makefile)"
check 'the services run the new programs' services_run
check 'they are still enabled' services_enabled
check 'and so is the timer that the administrator has enabled' timer_is enabled
check 'and the door' door_is enabled
check 'the configuration stays as the administrator left it' configuration_kept
check 'every file and folder of the new version has its mode' modes_right
check 'the limit remembers the message from before' answers 'action=451 4.7.1*' policyd anna@contoso.example 2.1
check 'the mailboxes are still known' answers 'action=DUNNO' policyd cleo@contoso.example 2.2
check 'the milter still answers' answers O milter
check 'and the web program' web_ready
check 'systemctl reload fails for a configuration that is wrong' mistake_is_refused

halt
check 'the system can be booted again' boot 'postern*'
check 'the services start by themselves' services_run
check 'the limit still remembers' answers 'action=451 4.7.1*' policyd anna@contoso.example 2.3

check 'it can be removed while it runs' running apt-get remove -y 'postern*'
check 'nothing of it runs any more' no_process
check 'no program, unit or manual is left' programs_gone
check 'configuration and state outlive that' eval 'configuration_kept && state_kept'
check 'it can be installed again' install running new
check 'and still remembers' answers 'action=451 4.7.1*' policyd anna@contoso.example 3.1
check 'it can be purged while it runs' running apt-get purge -y 'postern*'
check 'nothing of it runs after that either' no_process
check 'nothing is left but the accounts' nothing_left
check 'which are still locked' accounts
exit $status
