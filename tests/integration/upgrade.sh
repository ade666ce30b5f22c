#!/bin/bash
# A relay whose data folder the programs before the journal's and the directory's new formats wrote (tests/data/upgrade): counters,
# blocks and lists hold on, the directory is rebuilt, the old journal is set aside. TAP lines. BUILD: the folder with programs.
set -u
cd "$(dirname "$0")/../.." || exit 1
build=$(realpath "${BUILD:-build/release}") # libfaketime and the sanitizers are both preloaded
D=$(mktemp -d "${TMPDIR:-/tmp}/postern-upgrade.XXXXXX")
policyd=
finish()
{
    [ -z "$policyd" ] || kill "$policyd" 2>/dev/null
    wait
    rm -rf "$D"
}
trap finish EXIT
trap 'exit 1' INT TERM
status=0

is()
{
    # shellcheck disable=SC2254  # a pattern is what is wanted
    case $2 in $3) echo "ok $1" ;; *) echo "not ok $1"; printf '    got:      %s\n    expected: %s\n' "$2" "$3"; status=1 ;; esac
}

tar -C "$D" -xJf tests/data/upgrade/data.tar.xz
mkdir -p "$D/spool"
cat >"$D/postern.conf" <<END
directory = "$D/directory";
state = { file = "$D/state/state"; entries = 1024; blocks = 64; };
journal = "$D/journal";
spool = "$D/spool";
log = { to = "stderr"; };
tls = { required = false; };
preset = "none";
smtp_auth = { deny_file = "$D/deny"; };
limits = ( { name = "message-rate"; per = "user"; count = "messages"; rate = "10/100d"; burst = 10; then = "defer"; } );
policyd = { listen = "unix:$D/policyd.sock"; workers = 1; };
milter = { listen = ""; };
END
# The folder was left on 2026-11-30; an hour has passed, so that of the three messages that were charged all are charged still.
# No function: the shell would stand between us and the program that is to be ended.
then_=(env LD_PRELOAD="$(find /usr/lib -name libfaketimeMT.so.1 | head -n 1)" 'FAKETIME=@2026-11-30 03:00:00' TZ=UTC
    FAKETIME_DONT_FAKE_MONOTONIC=1 DONT_FAKE_MONOTONIC=1)
# ask LOGIN CLIENT TIMES: the answers of the policy server to so many messages.
ask()
{
    python3 - "$D/policyd.sock" "$@" <<'END'
import socket, sys
path, login, client, times = sys.argv[1:5]
with socket.socket(socket.AF_UNIX) as s:
    s.settimeout(120)
    s.connect(path)
    for i in range(int(times)):
        for state in ("RCPT", "END-OF-MESSAGE"):
            recipient, count = ("x@fabrikam.example", 0) if state == "RCPT" else ("", 1)
            s.sendall(f"request=smtpd_access_policy\nprotocol_state={state}\nprotocol_name=ESMTP\nclient_address={client}\n"
                      f"sasl_method=PLAIN\nsasl_username={login}\nsender={login}\nrecipient={recipient}\n"
                      f"recipient_count={count}\nsize=1000\ninstance={login}.{i}\n\n".encode())
            answer = s.recv(4096).decode().strip()
            if answer != "action=DUNNO":
                break
        print(answer)
END
}

is 'the directory is rebuilt' "$("${then_[@]}" "$build/postern-mirror" rebuild -d "$D/directory" 2>&1)" '*generation 2*'
"${then_[@]}" "$build/postern-policyd" -c "$D/postern.conf" 2>"$D/policyd.log" &
policyd=$!
for _ in $(seq 600); do [ ! -S "$D/policyd.sock" ] || break; sleep 0.2; done

answers=$(ask anna@contoso.example 203.0.113.9 8)
is 'what was charged before stays charged: 7 of 10 are left' "$(grep -c DUNNO <<<"$answers")" 7
is 'and what is too much is deferred' "$(tail -n 1 <<<"$answers")" 'action=451 4.7.1 *'
is 'a blocked login stays blocked' "$(ask bert@contoso.example 203.0.113.9 1)" 'action=5* *'
is 'a blocked client stays blocked' "$(ask anna@contoso.example 203.0.113.66 1)" 'action=5* *'
is 'the list of those who may not send holds' "$(ask cleo@contoso.example 203.0.113.9 1)" 'action=550 5.7.139 *'
blocks=$("${then_[@]}" "$build/postern" -c "$D/postern.conf" blocks 2>&1)
is 'both blocks are shown' "$(grep -c '^user bert@contoso.example\|^client 203.0.113.66' <<<"$blocks")" 2
is 'a block can be lifted' "$("${then_[@]}" "$build/postern" -c "$D/postern.conf" unblock bert@contoso.example 2>&1)" '*bert@contoso.example*'
is 'and then he may send' "$(ask bert@contoso.example 203.0.113.9 1)" action=DUNNO
is 'the old journal is set aside, and the log says so' "$(grep -c 'journal.*set aside' "$D/policyd.log")" '[1-9]*'
kill "$policyd" && wait "$policyd"
policyd=
is 'and a new one was begun' "$("${then_[@]}" "$build/postern" -c "$D/postern.conf" log --user bert@contoso.example 2>&1)" '*bert@contoso.example*'
exit $status
