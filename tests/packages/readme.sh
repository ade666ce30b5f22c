#!/bin/bash
# README's "Behind your own Postfix", word by word, as somebody with sudo does it in a clean system that runs: every command is taken
# out of README.md. Once with packages and an export of a tenant that has authentication policies, as export.ps1 writes it; once built
# by hand, with what Windows PowerShell writes of a tenant that has none. In the end a real Postfix, with logins by a real Dovecot, lets
# a permitted mailbox send and refuses others. TAP lines on stdout. Needs root, a Debian mirror and some minutes: "make check-readme".
#
#   tests/packages/readme.sh [RELEASE...]     bookworm and trixie unless given
set -u
cd "$(dirname "$0")/../.." || exit 1
. tests/packages/clean.sh

if [ "$(id -u)" -ne 0 ]; then
    echo 'ok README # SKIP installing needs root'
    exit 0
fi
if [ $# -ne 1 ]; then
    status=0
    [ $# -gt 0 ] || set -- bookworm trixie
    for release; do "$0" "$release" || status=1; done
    exit $status
fi

release=$1
T=$(mktemp -d /tmp/postern-readme.XXXXXX)
root=$T/root
. tests/packages/booted.sh
status=0
trap 'halt; rm -rf --one-file-system "$T"' EXIT
trap 'exit 1' INT TERM

# ---- what README says ----

# commands STEP.BLOCK: what is to be typed in that block of that step, one command a line. A comment says for which Debian a line is.
commands()
{
    local other='Debian 13'
    [ "$release" = bookworm ] || other='Debian 12'
    awk -v wanted="$1" '
        /^## / { inside = /^## Behind your own Postfix$/ }
        !inside { next }
        /^[0-9]+\. / { step = $1 + 0; block = 0 }
        /^ *```sh$/ { block++; typed = 1; next }
        /^ *```/ { typed = 0 }
        typed && (wanted == "" || step "." block == wanted) { sub(/^ */, ""); print wanted == "" ? step "." block : $0 }' README.md |
        grep -v "# $other\$" | sed 's/  *# Debian [0-9]*$//'
}
# The command between backticks that begins so.
named() { grep -o "\`$1[^\`]*\`" README.md | head -n 1 | tr -d '\`'; }

# Steps 2 and 4 have what is done elsewhere, or looked at.
blocks_known() { [ "$(commands '' | sort -u | tr '\n' ' ')" = '1.1 1.2 3.1 4.1 5.1 5.2 6.1 7.1 ' ]; }

# Ten minutes: with packages, from a Postfix that takes no logins yet. The export, and what check-postfix has to paste, come on top.
few_commands()
{
    local n=0 block
    for block in 1.1 3.1 4.1 5.1 5.2 6.1 7.1; do n=$((n + $(commands "$block" | wc -l))); done
    echo "$n commands"
    [ "$n" -le 16 ] && [ "$n" -ge 10 ]
}

# ---- the system ----

# A Debian with a Postfix that delivers, and an administrator who has these sources.
make_root()
{
    clean_make "$release" "$T/base" || return 1
    root=$T/base
    clean_inside "$root" apt-get install -y systemd sudo make postfix || return 1
    printf 'APT::Get::Assume-Yes "true";\n' >"$root/etc/apt/apt.conf.d/90yes" # what a person says
    echo relay.contoso.example >"$root/etc/hostname"
    printf '127.0.0.1 localhost\n127.0.1.1 relay.contoso.example relay\n::1 localhost\n' >"$root/etc/hosts"
    clean_inside "$root" postconf -e myhostname=relay.contoso.example mydestination=localhost 'relayhost = [127.0.0.1]:2525' \
        smtp_host_lookup=native || return 1
    clean_inside "$root" useradd -m -s /bin/bash admin && echo 'admin ALL=(ALL) NOPASSWD: ALL' >"$root/etc/sudoers.d/admin" || return 1
    mkdir "$root/home/admin/postern" && tar -c --exclude=./build --exclude=./.git . | tar -x -C "$root/home/admin/postern" &&
        clean_inside "$root" chown -R admin: /home/admin
}

# Exchange Online is a sink there, which keeps what comes.
start()
{
    root=$T/$1
    cp -a "$T/base" "$root" && boot 'postfix*' && running sh -c 'mkdir /sink && chown nobody /sink' &&
        running systemd-run --quiet --unit=sink smtp-sink -u nobody -d '/sink/%M.' inet:127.0.0.1:2525 64
}

# typed COMMAND: as the administrator types it, in that folder; packages come from this machine's network.
typed()
{
    local where=running
    case $1 in *install-dependencies.sh* | *'apt install'*) where=online ;; esac
    $where runuser -l admin -c "cd postern && $1"
}

# follow STEP.BLOCK: each of its commands is a test of its own.
follow()
{
    local line
    while read -r -u 3 line; do
        case $line in
        *'doveadm pw'*) printf 'secret\nsecret\n' >"$T/input" ;;
        *swaks\ -*) echo secret >"$T/input" ;;
        *) : >"$T/input" ;;
        esac
        input=$T/input check "$way: $1: $line" typed "$line" || return 1
    done 3< <(commands "$1")
}

# ---- what comes of it ----

# submitted LOGIN: README's own command, as somebody else; prints the reply that decides.
submitted()
{
    commands 6.1 | grep '^swaks ' | sed "s/anna@/$1@/g" >"$T/swaks"
    echo secret >"$T/input"
    input=$T/input typed "$(cat "$T/swaks")" >"$T/transcript" 2>&1
    cat "$T/transcript" >&2
    sed -n 's/^<\(\*\*\|~\*\) *\([45][0-9][0-9][ -].*\)/\2/p; s/^<[~-] *\(250 2.0.0 Ok: queued\).*/\1/p' "$T/transcript" | tail -n 1
}
answered()
{
    # shellcheck disable=SC2254 # a pattern is what is wanted
    case $(submitted "$1") in $2) ;; *) return 1 ;; esac
}
arrived()
{
    local _
    for _ in $(seq 100); do
        ! running grep -rls "^X-Mailer: swaks" /sink | grep . || return 0
        sleep 0.2
    done
    return 1
}

# Others have passwords, too.
add_logins()
{
    local login
    printf 'secret\nsecret\n' >"$T/input"
    input=$T/input typed "$(commands 5.2 | sed -n 's/.*$(\(doveadm pw.*\)).*/\1/p')" >"$T/hash" || return 1
    for login in bert cleo; do echo "$login@contoso.example:$(grep -o '{SHA512-CRYPT}.*' "$T/hash")"; done >>"$root/etc/dovecot/users"
    running systemctl restart dovecot
}

# What check-postfix has to paste against what is serious, pasted, leaves nothing serious.
pasted()
{
    typed "$(commands 7.1) --json" >"$T/findings"
    cat "$T/findings"
    python3 -c 'import json, sys
for f in json.load(sys.stdin)["findings"]:
    if f["severity"] in ("high", "critical"):
        print(f["advice"].split(", or: ")[-1])' <"$T/findings" >"$T/paste"
    grep . "$T/paste" || return 1
    while read -r -u 3 line; do typed "sudo sh -c \"$line\"" || return 1; done 3<"$T/paste"
    typed "$(commands 7.1)"
    case $? in 0 | 3) ;; *) return 1 ;; esac
}

# The line that README shows has the words that the log has, in their order.
shown_is_logged()
{
    keys() { tr ' ' '\n' | sed -n 's/^\([a-z_]*\)=.*/\1/p' | tr '\n' ' '; }
    sed -n '/^ *event=decision/,/^ *```/p' README.md | keys >"$T/shown"
    running journalctl -o cat -u postern-policyd -u postern-milter | grep 'reason=mailbox-disabled' | tee "$T/lines" | tail -n 1 | keys >"$T/logged"
    cat "$T/lines" "$T/shown" "$T/logged"
    cmp "$T/shown" "$T/logged"
}

# "At three in the morning": what only reads needs no sudo for a member of the group.
reads_as_member()
{
    running usermod -a -G postern admin || return 1
    sed -n '/^## At three/,/^## /p' README.md | sed -n '/^```/,/^```/p' | sed 's/ *#.*//' | grep '^postern ' |
        grep -v 'alert --test' >"$T/reading"
    [ "$(wc -l <"$T/reading")" -ge 5 ] || return 1
    while read -r -u 3 line; do
        echo "\$ $line"
        typed "$line"
        code=$?
        echo "exit status $code"
        case $code in 0 | 3) ;; *) return 1 ;; esac # 3: something is less than perfect
    done 3<"$T/reading"
}

files_of_postfix() { (cd "$root/etc/postfix" && cat main.cf master.cf); }

# follow_all WAY EXPORT BUILD-BLOCK
follow_all()
{
    way=$1
    if ! start "$1" >"$T/said" 2>&1; then
        tail -n 3 "$T/said" | sed 's/^/    /'
        echo "ok $release: $way # SKIP a clean system cannot be booted here"
        return
    fi
    follow "$3" || return
    cp -r "tests/data/export/$2" "$root/home/admin/postern/postern-export"
    follow 3.1 && follow 4.1 || return
    files_of_postfix >"$T/before"
    follow 5.1 && follow 5.2 && follow 6.1 || return
    check "$way: the message of a mailbox that may send is delivered" arrived
    check "$way: others can sign in" add_logins
    check "$way: a mailbox that may not send is refused" answered bert '550 5.7.139*'
    check "$way: so is one that $4" answered cleo '550 5.7.139*'
    check "$way: the log has the line that README shows" shown_is_logged
    check "$way: who reads needs no sudo in group postern" reads_as_member
    check "$way: the change to Postfix can be taken back" typed "$(named 'sudo postern setup-postfix --undo')"
    check "$way: and is" eval 'files_of_postfix | diff "$T/before" -'
    follow 5.1 || return
    check "$way: what check-postfix has to paste leaves nothing serious" pasted
    check "$way: a mailbox that may send still can" answered anna '250 2.0.0 Ok*'
    check "$way: and others cannot" answered bert '550 5.7.139*'
    halt
    rm -rf --one-file-system "$root"
}

if ! make_root >"$T/said" 2>&1; then
    tail -n 3 "$T/said" | sed 's/^/    /'
    echo "ok $release: README # SKIP no clean system can be made from $(clean_mirror)"
    exit 0
fi
check 'README has the commands that are followed here' blocks_known || exit 1
check 'README asks for no more than 16 commands' few_commands
follow_all packages policies 1.1 'has no policy that permits passwords'
halt
follow_all 'by hand' none 1.2 'inherits from a closed organization'
exit $status
