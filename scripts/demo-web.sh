#!/bin/bash
# postern-web with something to see: the relay of the demonstration on loopback, the page at a port of this machine, and made-up
# traffic that goes on until Ctrl-C: people who send now and then, a printer that is refused, and every few minutes somebody with a
# stolen password, until a limit blocks the login. All of it is gone afterwards.
#
#   scripts/demo-web.sh [-b DIRECTORY-OF-PROGRAMS]
set -u
cd "$(dirname "$0")/.." || exit 1
. scripts/demo/lib.sh
trap 'exit 0' INT TERM
demo_logs() { echo mirror.log policyd.log milter.log web.log act.log forward.log; }

configure()
{
    cat >"$T/postern.conf" <<END
// What the demonstration runs with.
unauthenticated = "reject";
directory = "$T/lib/directory";
state = { file = "$T/lib/state"; entries = 65536; };
journal = "$T/lib/journal";
spool = "$T/lib/spool";
log = { to = "stderr"; };
tenants = ( { name = "contoso"; }, { name = "fabrikam"; } );
tls = { required = false; };
connectors = (
  { name = "printers"; networks = [ "127.20.0.0/16" ]; senders = [ "@contoso.example" ]; recipients = "internal"; }
);
limits = (
  { name = "burst"; per = "user"; count = "messages"; rate = "60/h"; burst = 20; then = "defer"; },
  { name = "roaming"; per = "user"; count = "distinct client_net"; rate = "4/h"; burst = 4; then = "block 2m"; }
);
policyd = { listen = "unix:$T/run/policyd.sock"; workers = 2; };
milter = { listen = "unix:$T/run/milter.sock"; };
smtp_auth = { deny_file = "$T/deny"; };
web = { listen = { address = "unix:$T/run/web.sock"; mode = "0600"; }; action_log = "$T/log/actions.log";
        actions = ["block", "unblock", "deny", "forget"]; };
END
    mkdir -p "$T/log" "$T/lib/spool/web" && chmod 750 "$T/lib/spool" "$T/lib/spool/web" && echo '# nobody yet' >"$T/deny"
    for name in anna bert cleo info app eva rosa; do echo "$name@contoso.example:{PLAIN}secret"; done >"$T/users"
    echo 'dora@fabrikam.example:{PLAIN}secret' >>"$T/users"
    import_tenants
}

# Where there are accounts one is made for whoever looks.
make_account()
{
    "$BIN/postern" help 2>&1 | grep -q web-user || return 0
    password=$(openssl rand -hex 8)
    printf '%s\n' "$password" | "$BIN/postern" -c "$T/postern.conf" web-user add demo --role admin >>"$T/web.log" 2>&1 ||
        fail 'the account was not made'
    echo "Sign in as \"demo\" with the password \"$password\"."
}

# What is asked for on the pages, as postern-act.path and postern-act.service do it.
do_acts()
{
    while sleep 0.2; do
        ! compgen -G "$T/lib/spool/web/*.json" >/dev/null || "$BIN/postern" -c "$T/postern.conf" act --user "$(id -un)"
    done
}

start_web()
{
    relay_run web "$BIN/postern-web" -c "$T/postern.conf"
    relay_wait relay_listens_at "$T/run/web.sock" || fail 'postern-web did not start'
    relay_run act do_acts
    port=$(relay_free_port)
    relay_run forward python3 scripts/demo/forward.py "$port" "$T/run/web.sock"
    relay_wait relay_listens "$port" || fail 'the port is not open'
}

# with_password CLIENT LOGIN RECIPIENT
with_password()
{
    swaks --server "127.0.0.1:$SMTP" --local-interface "$1" --tls --auth PLAIN --auth-user "$2" --auth-password secret \
        --from "$2" --to "$3" --body 'made up'
}

# without_login CLIENT SENDER RECIPIENT
without_login() { swaks --server "127.0.0.1:$SMTP25" --local-interface "$1" --from "$2" --to "$3" --body 'made up'; }

people='anna@contoso.example app@contoso.example dora@fabrikam.example bert@contoso.example cleo@contoso.example'

# One round: everybody may send, two of whom their mailbox forbids it. In the first of each twelve rounds rosa's password is stolen.
round()
{
    local login net
    for login in $people; do
        [ $((RANDOM % 3)) -ne 0 ] || with_password 127.9.1.1 "$login" guest@adatum.example
    done
    without_login 127.20.0.5 scan@contoso.example anna@contoso.example
    without_login 127.20.0.5 scan@contoso.example guest@adatum.example
    [ $(($1 % 12)) -eq 0 ] || return 0
    for net in 1 2 3 4 5 6 7; do with_password "127.$net.$((RANDOM % 200 + 1)).1" rosa@contoso.example "victim$net@adatum.example"; done
}

relay_make "$programs" || exit 1
configure
relay_start both || fail 'the relay did not start'
start_web
echo "postern-web is at http://localhost:$port/"
make_account
echo "Mail comes and goes; in a moment a stolen password is used. Ctrl-C ends it all. Until then also:"
echo "    $BIN/postern -c $T/postern.conf top"
rounds=0
while :; do
    round $rounds >"$T/traffic.log" 2>&1
    rounds=$((rounds + 1))
    # In the background, so that Ctrl-C and SIGTERM end it at once.
    sleep 5 &
    wait $!
done
