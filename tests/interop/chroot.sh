#!/bin/bash
# Postfix's smtpd in a chroot: with the example's sockets mail waits, and check-postfix says why; with those of doc/postfix.md it is
# taken, and a connection outside the chroot too. TAP lines. Needs root and Postfix.
set -u
cd "$(dirname "$0")/../.." || exit 1
. scripts/relay.sh
. tests/e2e/lib.sh
T=

# recipe FIRST-LINE: that line of the page and the next, in the folders of this relay.
recipe() { sed -n "/^    $1/,+1s/^    //p" doc/postfix.md | sed "s|/run/postern/|$T/run/|g; s|/var/spool/postfix/|$T/queue/|g"; }

# smtpd for logins is chrooted from now on.
chroot_logins()
{
    postconf -c "$T/postfix" -F "127.0.0.1:$SMTP/inet/chroot=y"
    relay_settled "$T/postfix/main.cf"
    postfix -c "$T/postfix" reload >>"$T/postfix.log" 2>&1
}
check_postfix() { "$BIN/postern" -c "$T/postern.conf" check-postfix --config-dir "$T/postfix" 2>/dev/null; }

make_relay ''
relay_start both || exit 1
chroot_logins
is 'a chrooted smtpd does not reach the sockets: mail waits' "$(submit anna@contoso.example)" '4?? *'
is 'check-postfix says why' "$(check_postfix | grep -c '^high *socket-chroot')" 2
relay_stop

make_relay ''
chgrp postfix "$T/queue" && mkdir "$T/queue/postern" && chgrp postfix "$T/queue/postern" && chmod 2750 "$T/queue/postern"
sed -i '/^policyd = /d; /^milter = /d' "$T/postern.conf"
recipe 'policyd = { listen = ( "unix:.run.postern.policyd.sock", ' >>"$T/postern.conf"
RELAY_MAIN_CF=$(recipe 'postern_policy = { unix:postern') relay_start both || exit 1
chroot_logins
is 'with addresses inside the chroot it is taken' "$(submit anna@contoso.example)" '250*'
is 'a From of somebody else is refused there' "$(submit anna@contoso.example --header 'From: bert@contoso.example')" '550 5.7.60*'
is 'the service outside the chroot reaches the same addresses' \
    "$(python3 tests/interop/client.py "$SMTP25" --from anna@contoso.example guest@adatum.example)" '554 5.7.1*'
is 'check-postfix has nothing against the sockets' "$(check_postfix | grep -c 'socket')" 0
exit $status
