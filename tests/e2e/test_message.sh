#!/bin/bash
# "postern test-message" through a real Postfix: a message that passes, and each step at which one can end.
set -u
cd "$(dirname "$0")/../.." || exit 1
. scripts/relay.sh
. tests/e2e/lib.sh

make_relay '{ name = "burst"; per = "user"; count = "messages"; rate = "3/d"; burst = 3; }' \
    'connectors = ( { name = "printers"; networks = ("127.20.0.0/16"); } );'
relay_start both || exit 1
A=anna@contoso.example

# test_message PASSWORD [OPTION...]: its output is in $T/said; says the exit status.
test_message()
{
    local password=$1
    shift
    "$BIN/postern" -c "$T/postern.conf" test-message --config-dir "$T/postfix" --ca "$T/cert.pem" --to guest@adatum.example \
        --password-fd 9 "$@" >"$T/said" 2>&1 9<<<"$password"
    echo $?
}
said() { tr -s '\n ' ' ' <"$T/said"; }

is 'a message with a good login is accepted' "$(test_message secret --user $A)" 0
is 'each step is said, and the queue id' "$(said)" \
    "*connect 127.0.0.1 port $SMTP (*in master.cf)*greeting 220 *STARTTLS 220 *TLS TLSv1*certificate verified for relay.contoso.example*AUTH PLAIN: 235*MAIL 250*RCPT 250*DATA 354*message 250*queued as *queue id is *"
is 'and what postern decided' "$(said)" '*verdict pass allowed*'
is 'and the lines of the log' "$(said)" '*The log (*from=<anna@contoso.example>*'
becomes 'it is a real message' relay_arrived 1
is 'which the sink got with all of its header' \
    "$(cat "$T"/sink/* | tr -d '\r' | grep -cE "^(From: <$A>|To: <guest@adatum.example>|Subject: postern test message|Auto-Submitted: auto-generated)\$")" 4

is 'a wrong password ends at AUTH' "$(test_message wrong --user $A)" 4
is 'with the reply and what to look at' "$(said)" '*AUTH PLAIN: 535 5.7.8*It ended at AUTH: failed.*SASL server refused the login*'
is 'and the line of the log' "$(said)" '*SASL PLAIN authentication failed*'

is 'a forbidden mailbox is refused' "$(test_message secret --user bert@contoso.example)" 5
is 'at the first step where postern is asked, with the reply' "$(said)" '*MAIL 550 5.7.139*SmtpClientAuthentication is disabled for the Mailbox*It ended at MAIL: refused.*'
is 'with the reason and what it means' "$(said)" '*verdict reject mailbox-disabled*meaning Set-CASMailbox*'
is 'the command that explains it has the same verdict' \
    "$(eval "$(sed -n "s|^ *why *postern explain|\"$BIN/postern\" -c \"$T/postern.conf\" explain|p" "$T/said") --json" | jq -r .reason)" mailbox-disabled
test_message secret --user bert@contoso.example --json >"$T/status"
is 'programs get it as JSON' "$(jq -r '[.outcome, .ended_at, .decision.reason, .method, (.steps | length)] | join(" ")' "$T/said")" \
    'refused MAIL mailbox-disabled PLAIN 7'

is 'messages up to the limit pass' "$(test_message secret --user $A)$(test_message secret --user $A --method LOGIN)" 00
is 'the one beyond is deferred' "$(test_message secret --user $A)" 8
is 'with the limit and when it may pass' "$(said)" '*It ended at *: deferred*verdict defer limit*limit burst; it may pass again in *'

is 'a token signs in' "$(test_message "$(relay_token cleo@contoso.example)" --user cleo@contoso.example --method XOAUTH2)" 0
is 'by the mechanism that was named' "$(said)" '*AUTH XOAUTH2: 235*'
is 'a mechanism that is not offered ends at AUTH' "$(test_message secret --user $A --method CRAM-MD5)" 4

nologin() { "$BIN/postern" -c "$T/postern.conf" test-message --config-dir "$T/postfix" --ca "$T/cert.pem" --to guest@adatum.example "$@" >"$T/said" 2>&1; echo $?; }
is 'a connector needs no login' "$(nologin --from scan@contoso.example --client 127.20.0.7)" 0
is 'and its decision is found' "$(said)" '*verdict pass connector*'
is 'a client of none is refused' "$(nologin --from scan@contoso.example)" 5
is 'by Postfix itself' "$(said)" '*RCPT 5*postern did not decide this*'

# What is not right with the server.
is 'a certificate that nobody vouches for ends it' "$("$BIN/postern" -c "$T/postern.conf" test-message --config-dir "$T/postfix" \
    --to guest@adatum.example --user $A --password-fd 9 >"$T/said" 2>&1 9<<<secret; echo $?)" 3
is 'at the certificate' "$(said)" '*certificate *It ended at certificate: failed.*--ca FILE*'
is 'so does one for another name' "$(test_message secret --user $A --name mail.fabrikam.example)" 3
is 'which is said' "$(said)" '*certificate *mail.fabrikam.example*'
is 'the name of a server is that of its certificate' "$(test_message secret --user cleo@contoso.example --server "127.0.0.1:$SMTP" --name relay.contoso.example)" 0
is 'nothing listens' "$(test_message secret --user $A --server 127.0.0.1:1)" 3
is 'which ends at connect' "$(said)" '*connect *It ended at connect: failed.*ss -ltn*'

PORT=$(relay_free_port)
# A server: says the first line on connect, then one line for each that it gets; keeps what it got.
cat >"$T/server.py" <<'END'
import socket, sys
port, got, *lines = sys.argv[1:]
s = socket.socket()
s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
s.bind(("127.0.0.1", int(port)))
s.listen()
log = open(got, "w", buffering=1)
while True:
    c, _ = s.accept()
    f = c.makefile("rb")
    try:
        for line in lines:
            c.sendall(line.encode().decode("unicode_escape").encode("latin-1"))
            log.write(f.readline().decode("latin-1"))
        while (line := f.readline()):
            log.write(line.decode("latin-1"))
    except OSError: # who looks whether it listens goes away at once
        pass
END
server()
{
    relay_run server python3 "$T/server.py" "$PORT" "$T/got" "$@"
    relay_wait relay_listens "$PORT"
}
server_end() { kill "$relay_pid"; wait "$relay_pid" 2>/dev/null; }

server
is 'a server that says nothing is left after --timeout' "$(test_message secret --user $A --server "127.0.0.1:$PORT" --timeout 2s)" 3
is 'and that was at the greeting' "$(said)" '*greeting no answer in time (2 seconds) It ended at greeting: failed.*'
server_end
server '220 old.contoso.example ESMTP\r\n' '250-old.contoso.example\r\n250 AUTH PLAIN LOGIN\r\n'
is 'a server without STARTTLS gets no password' "$(test_message secret --user $A --server "127.0.0.1:$PORT" --timeout 5s)" 3
is 'and that is said' "$(said)" '*STARTTLS the server does not offer STARTTLS*a password is never sent without TLS*'
is 'it has seen no AUTH' "$(grep -c AUTH "$T/got")" 0
server_end
server '220 odd.contoso.example ESMTP\r\n' '250-odd.contoso.example\r\n250 STARTTLS\r\n' '454 4.7.0 \033[31mTLS not available\r\n'
is 'a refusal of STARTTLS ends it' "$(test_message secret --user $A --server "127.0.0.1:$PORT" --timeout 5s)" 3
is 'and what the server said is escaped' "$(said)" '*STARTTLS 454 4.7.0 \\x1b\[31mTLS not available*'
server_end
server '554-5.3.2 go away\r\n554 5.3.2 and do not come back\r\n'
is 'a greeting that refuses' "$(test_message secret --user $A --server "127.0.0.1:$PORT" --timeout 5s)" 3
is 'is shown with all of its lines' "$(said)" '*greeting 554-5.3.2 go away 5.3.2 and do not come back*'
server_end

# On a terminal: the password is asked for, and does not appear.
is 'on a terminal the password is asked for without an echo' "$(python3 - "$BIN/postern" -c "$T/postern.conf" test-message --config-dir "$T/postfix" \
    --ca "$T/cert.pem" --to guest@adatum.example --user bert@contoso.example <<'END'
import os, pty, sys
pid, fd = pty.fork()
if pid == 0:
    os.execv(sys.argv[1], sys.argv[1:])
out, typed = b"", False
while True:
    try:
        part = os.read(fd, 65536)
    except OSError:
        break
    if not part:
        break
    out += part
    if not typed and b"Password of bert@contoso.example: " in out:
        os.write(fd, b"secret\n")
        typed = True
print(typed, b"secret" in out, b"mailbox-disabled" in out, os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
END
)" 'True False True 5'
is 'an interrupt there leaves the terminal as it was' "$(python3 - "$BIN/postern" -c "$T/postern.conf" test-message --config-dir "$T/postfix" \
    --to guest@adatum.example --user bert@contoso.example <<'END'
import os, pty, signal, sys, termios
pid, fd = pty.fork()
if pid == 0:
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    os.execv(sys.argv[1], sys.argv[1:])
out = b""
while b"Password of" not in out:
    out += os.read(fd, 65536)
quiet = termios.tcgetattr(fd)[3] & termios.ECHO
os.write(fd, b"sec\x03")
status = os.waitpid(pid, 0)[1]
print(bool(quiet), bool(termios.tcgetattr(fd)[3] & termios.ECHO), os.WTERMSIG(status))
END
)" 'False True 2'
is 'the password is in no argument' "$("$BIN/postern" test-message --help | grep -c 'password-fd')" 1
is 'nothing came out of the sanitizers' "$(cat "$T"/*.log | grep -c 'ERROR: \|runtime error')" 0
exit $status
