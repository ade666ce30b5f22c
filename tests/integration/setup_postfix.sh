#!/bin/bash
# "postern setup-postfix" on a real Postfix that never heard of postern: chrooted services, lists and a milter of its own. What
# it does decides about messages, leaves alone what is not its business, and can be taken back byte for byte. TAP lines.
# Needs root and Postfix.
# shellcheck disable=SC2016 # $ stands in Postfix's files
set -u
cd "$(dirname "$0")/../.." || exit 1
. scripts/relay.sh
. tests/e2e/lib.sh
POSTERN=${BUILD:-build/asan}/postern

make_relay '{ name = "m"; per = "user"; count = "messages"; rate = "100/m"; then = "defer"; }' \
    'connectors = ( { name = "printers"; networks = ["127.20.0.0/16"]; } );'
relay_start both || exit 1
postfix -c "$T/postfix" stop >/dev/null 2>&1

# An existing gateway: no word of postern, and a way back from a filter.
MAIL_BACK=$(relay_free_port)
postconf -c "$T/postfix" -X postern_policy postern_milter postern_relay_restrictions postern_end_of_data_restrictions \
    enable_long_queue_ids mydestination
sed -i "s/^127.0.0.1:$SMTP25 /$SMTP25 /" "$T/postfix/master.cf" # not for this host alone, by its name
sed -i '/postern_/d;s/^\([0-9.:]* *inet n       -\)       n/\1       y/' "$T/postfix/master.cf"
sed -i "/:$SMTP /,/^[a-z0-9]/s/^  -o smtpd_sasl_type.*/&\n  -o smtpd_relay_restrictions=permit_sasl_authenticated,reject/" "$T/postfix/master.cf"
cat >>"$T/postfix/main.cf" <<'END'
# kept, comment and all
smtpd_relay_restrictions = permit_mynetworks,
    permit_sasl_authenticated,
    defer_unauth_destination
mydestination = localhost
END
cat >>"$T/postfix/master.cf" <<END
127.0.0.1:$MAIL_BACK inet n - n - - smtpd
  -o smtpd_recipient_restrictions=permit_mynetworks,reject
  -o mynetworks=127.0.0.0/8
END
relay_settled "$T/postfix/main.cf"
mkdir "$T/before" && cp -p "$T/postfix/main.cf" "$T/postfix/master.cf" "$T/before/"
postfix -c "$T/postfix" start >>"$T/postfix.log" 2>&1
relay_wait relay_listens "$SMTP" || { cat "$T/postfix.log" "$T/maillog"; exit 1; }

setup() { "$POSTERN" -c "$T/postern.conf" setup-postfix --config-dir "$T/postfix" "$@" >"$T/said" 2>&1; }
unchanged() { cmp "$T/before/main.cf" "$T/postfix/main.cf" && cmp "$T/before/master.cf" "$T/postfix/master.cf" && echo the same; }
value() { postconf -c "$T/postfix" "$@"; }
# Until the smtpd processes of before have gone.
decided() { [ "$(submit bert@contoso.example | cut -c 1-3)" = "$1" ]; }

is 'before it, a forbidden mailbox sends' "$(submit bert@contoso.example)" '250*'
setup
is 'it does nothing without being told what' "$? $(unchanged)" '2 the same'
setup --dry-run
is 'a dry run changes nothing' "$? $(unchanged)" '0 the same'
# What it prints does the same, pasted into a shell.
cp -rp "$T/postfix" "$T/pasted"
sed "s|$T/postfix'|$T/pasted'|" "$T/said" | grep '^postconf' >"$T/paste.sh"
bash "$T/paste.sh" || echo 'not ok the commands of the dry run can be pasted'
setup --apply
is 'it applies' "$? $(cat "$T/said")" '0 *postfix check found nothing wrong*Postfix has reloaded*check-postfix*--undo*'
is 'the commands of the dry run make the same files' \
    "$(cmp "$T/pasted/main.cf" "$T/postfix/main.cf" && cmp "$T/pasted/master.cf" "$T/postfix/master.cf" && echo the same)" 'the same'
relay_wait decided 550
is 'after it, the forbidden mailbox is refused' "$(submit bert@contoso.example)" '550 5.7.139 *'
is 'and the permitted one sends' "$(submit anna@contoso.example)" '250*'
is 'check-postfix finds nothing that keeps postern from deciding' \
    "$("$POSTERN" -c "$T/postern.conf" check-postfix --config-dir "$T/postfix" --json |
        python3 -c 'import json, sys; print([f["id"] for f in json.load(sys.stdin)["findings"] if f["severity"] in ("critical", "high")])')" '\[]'
is 'delivery and the networks stay as they are' "$(value -h mydestination mynetworks relayhost | tr '\n' ' ')" "localhost 127.20.0.0/16 \[127.0.0.1]:$SINK "
is 'lists are kept behind postern' "$(value -h postern_relay_restrictions)" \
    'check_policy_service $postern_policy, permit_mynetworks, permit_sasl_authenticated, defer_unauth_destination'
is 'so is the list of one service' "$(value -P "127.0.0.1:$SMTP/inet/smtpd_relay_restrictions") $(value -h "postern_127_0_0_1_${SMTP}_relay_restrictions")" \
    "*= \$postern_127_0_0_1_${SMTP}_relay_restrictions check_policy_service \$postern_policy, permit_sasl_authenticated,reject"
is 'the way back from a filter does not ask' "$(value -P | grep "^127.0.0.1:$MAIL_BACK/" | grep -c postern)" 0
is 'comments stay' "$(grep -c '^# kept' "$T/postfix/main.cf")" 1
cp -p "$T/postfix/main.cf" "$T/applied"
setup --apply
is 'a second time there is nothing to do' "$? $(tail -n 1 "$T/said") $(cmp "$T/applied" "$T/postfix/main.cf" && echo same)" '0 *nothing to change same'

echo '# by somebody' >>"$T/postfix/main.cf"
setup --undo
is 'what others changed since is not thrown away' "$? $(cat "$T/said")" '1 *main.cf was changed since*--force*'
cp -p "$T/applied" "$T/postfix/main.cf"
setup --undo
is 'taken back, both files are byte for byte as before' "$? $(unchanged) $(stat -c '%a %u %g' "$T/postfix/main.cf")" \
    "0 the same $(stat -c '%a %u %g' "$T/before/main.cf")"
is 'nothing of it is left' "$(find "$T/postfix" -name '*postern*' | wc -l)" 0
relay_wait decided 250
is 'and Postfix no longer asks' "$(submit bert@contoso.example)" '250*'
setup --undo
is 'there is nothing more to take back' "$? $(cat "$T/said")" '1 *nothing to take back*'

# A milter of its own in the chroot: outside of it nobody would answer, and all mail would wait.
mkdir "$T/queue/opendkim"
python3 -c 'import socket, sys; socket.socket(socket.AF_UNIX).bind(sys.argv[1])' "$T/queue/opendkim/dkim.sock"
postconf -c "$T/postfix" -e 'smtpd_milters = { unix:/opendkim/dkim.sock, connect_timeout=10s }'
relay_settled "$T/postfix/main.cf"
cp -p "$T/postfix/main.cf" "$T/applied"
setup --apply
is 'a service that needs its chroot is left in it' "$? $(cat "$T/said") $(cmp "$T/applied" "$T/postfix/main.cf" && echo the same)" \
    '1 *unix:/opendkim/dkim.sock*in its chroot only*without the first slash*the same'
postconf -c "$T/postfix" -e 'smtpd_milters = { unix:opendkim/dkim.sock, connect_timeout=10s }'
relay_settled "$T/postfix/main.cf"
setup --dry-run
is 'a socket that is there in and outside of it does not matter' "$? $(grep -c "chroot=n'" "$T/said")" '0 [1-9]*'
cp -p "$T/before/main.cf" "$T/postfix/main.cf"
relay_settled "$T/postfix/main.cf"

# A running program that Postfix could not reach.
chmod 700 "$T/run" && chgrp root "$T/run"
setup --apply
is 'what would make all mail wait is put back' "$? $(tail -n 1 "$T/said") $(unchanged)" '1 *all mail would wait; main.cf and master.cf are as they were the same'
chgrp postfix "$T/run" && chmod 2750 "$T/run"

# Who may not connect is not told that nothing runs.
chmod 644 "$T/postern.conf"
setpriv --reuid 65534 --regid 65534 --clear-groups "$POSTERN" -c "$T/postern.conf" setup-postfix --config-dir "$T/postfix" --dry-run >"$T/said" 2>&1
is 'without the right to connect to the sockets it says so' "$? $(cat "$T/said")" '6 *this needs root*'

# The door before Dovecot, or what listens in its place.
cp -p "$T/postern.conf" "$T/postern.without"
echo "sasl = { listen = \"unix:$T/run/sasl.sock\"; upstream = \"unix:$T/queue/private/auth\"; };" >>"$T/postern.conf"
setup --dry-run
is 'a door that does not run is left out, and said so' "$? $(grep -c smtpd_sasl_path "$T/said") $(grep '^note' "$T/said")" "0 0 note: postern-sasl doesn't run*"
relay_run stub "$BIN/bench/sasl_stub" "$T/run/sasl.sock"
relay_wait relay_listens_at "$T/run/sasl.sock"
setup --apply
is 'with a door clients sign in there' "$? $(value -P "127.0.0.1:$SMTP/inet/smtpd_sasl_path")" "0 *smtpd_sasl_path = unix:$T/run/sasl.sock"
becomes 'and it is asked' 'swaks --server "127.0.0.1:$SMTP" --tls --auth PLAIN --auth-user nobody@contoso.example --auth-password secret --quit-after AUTH 2>&1 | grep -o " 235 "' ' 235 *'
setup --apply
is 'once' "$(tail -n 1 "$T/said")" '*nothing to change'
setup --undo
is 'taken back, Dovecot is asked again' "$? $(unchanged) $(value -P "127.0.0.1:$SMTP/inet/smtpd_sasl_path")" "0 the same *private/auth"
cp -p "$T/postern.without" "$T/postern.conf"

kill "$(cat "$T/milter.pid")"
relay_wait eval '! (exec 3<>/dev/null; python3 -c "import socket,sys; socket.socket(socket.AF_UNIX).connect(sys.argv[1])" "$T/run/milter.sock")'
setup --dry-run
is 'a program that does not run is left out, and said so' "$? $(grep -c postern_milter "$T/said") $(grep '^note' "$T/said")" "0 0 note: postern-milter doesn't run*"
kill "$(cat "$T/policyd.pid")"
relay_wait eval '! (exec 3<>/dev/null; python3 -c "import socket,sys; socket.socket(socket.AF_UNIX).connect(sys.argv[1])" "$T/run/policyd.sock")'
setup --apply
is 'with neither of them it changes nothing' "$? $(cat "$T/said") $(unchanged)" '1 *neither postern-policyd nor postern-milter runs*the same'

# Debian's own master.cf has no service for logins.
printf 'compatibility_level = 3.6\nqueue_directory = %s\n' "$T/queue" >"$T/postfix/main.cf"
printf 'smtp inet n - y - - smtpd\n' >"$T/postfix/master.cf"
relay_start_policyd
relay_settled "$T/postfix/main.cf"
setup --dry-run
is 'where nobody can sign in, a service for that is added' "$? $(grep -c "^postconf.* -M 'submission/inet=submission inet n - n - - smtpd" "$T/said")" '0 1'
if [ -f /usr/share/postfix/master.cf.dist ]; then
    postfix -c "$T/postfix" stop >/dev/null 2>&1 # it runs with other files
    cp /usr/share/postfix/master.cf.dist "$T/postfix/master.cf"
    echo 'smtpd_relay_restrictions = permit_mynetworks permit_sasl_authenticated defer_unauth_destination' >>"$T/postfix/main.cf"
    cp -p "$T/postfix/main.cf" "$T/postfix/master.cf" "$T/before/"
    relay_settled "$T/postfix/main.cf"
    setup --apply
    is 'on the files that Debian installs' "$? $(value -P submission/inet/smtpd_sasl_auth_enable) $(value -P smtp/inet/smtpd_relay_restrictions) $(value -F smtp/inet/chroot)" \
        '0 *= yes *= $postern_relay_restrictions *= n'
    setup --undo
    is 'these come back, too' "$? $(unchanged)" '0 the same'
fi
printf 'smtp inet n - y - - smtpd\nsmtp inet n - n - - smtpd\n' >"$T/postfix/master.cf"
setup --dry-run
is 'a service that occurs twice stops it' "$? $(cat "$T/said")" '1 *twice*'
exit $status
