#!/bin/bash
# What people do on the pages, before a real Postfix: an attack is seen, its block is lifted and mail passes again, and who may not lift
# it can't. tests/browser/run.sh runs it. TAP lines; needs root, as Postfix does.
#
#   tests/browser/acts.sh DIRECTORY-OF-PROGRAMS FOLDER-FOR-SCREENSHOTS [short]
set -u
cd "$(dirname "$0")/../.." || exit 1
. scripts/relay.sh
BUILD=$1
. tests/e2e/lib.sh
W=$(mktemp -d "${TMPDIR:-/tmp}/postern-acts.XXXXXX")
me=$(id -un)
make_relay '{ name = "recipient-rate"; per = "user"; count = "recipients"; rate = "600/h"; burst = 12; then = "block 1h"; }' '
tenants = ( { name = "contoso"; domains = ["contoso.example"]; } );
connectors = ( { name = "printers"; networks = ["192.0.2.0/24"]; } );
spool = "'"$W"'/spool"; smtp_auth = { deny_file = "'"$W"'/deny"; };
web = { listen = { address = "unix:'"$W"'/web.sock"; mode = "0600"; }; users = "'"$W"'/users"; action_log = "'"$W"'/log/actions.log";
        actions = ["block", "unblock", "hold", "release", "deny", "discard"]; };'
mkdir -p "$W/log" "$W/spool/web" && echo '# nobody yet' >"$W/deny" && chmod 755 "$W" && chmod 750 "$W/spool" "$W/spool/web"
relay_start policyd || exit 1
for who in 'admin --role admin' 'operator --role operator' 'reader --role reader' 'bound --role operator --tenants contoso'; do
    # shellcheck disable=SC2086 # words
    echo 'correct horse battery' | "$BIN/postern" -c "$T/postern.conf" web-user add $who >>"$T/accounts.log" 2>&1 || { cat "$T/accounts.log"; exit 1; }
done
relay_run web "$BIN/postern-web" -c "$T/postern.conf"
relay_wait relay_listens_at "$W/web.sock" || exit 1

# As systemd does by postern-act.path and postern-act.service: these words of theirs, with this relay's folders. While the file
# "stopped" is there the path unit is not active.
glob=$(sed -n "s|^PathExistsGlob=/var/lib/postern/spool|$W/spool|p" conf/systemd/postern-act.path)
exec_start=$(sed -n "s|^ExecStart=@PREFIX@/bin/postern -c @SYSCONFDIR@/postern/postern.conf|$BIN/postern -c $T/postern.conf|p" conf/systemd/postern-act.service)
path_unit()
{
    while sleep 0.1; do
        # shellcheck disable=SC2086 # words
        [ -e "$W/stopped" ] || ! compgen -G "$glob" >/dev/null || $exec_start --user "$me"
    done
}
relay_run act path_unit

finish() { relay_stop; rm -rf "$W"; }
trap finish EXIT
node tests/browser/acts.mjs "$W" "$T" "$SMTP" "$@" || status=1
is 'nothing came out of the sanitizers' "$(grep -h 'ERROR: \|runtime error' "$T"/*.log)" ''
exit $status
