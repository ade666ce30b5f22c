#!/bin/bash
# Where relays are joined to a cluster, a message costs the policy server not one system call more. TAP lines. BUILD: the folder with
# programs.
set -u
cd "$(dirname "$0")/../.." || exit 1
build=$(realpath "${BUILD:-build/release}")
if ! strace -qq -o /dev/null true 2>/dev/null; then
    echo 'ok cluster_mail_path # SKIP no strace, or it may trace nothing'
    exit 0
fi
D=$(mktemp -d "${TMPDIR:-/tmp}/postern-mail-path.XXXXXX")
traced=
trap '[ -z "$traced" ] || kill "$traced" 2>/dev/null; wait; rm -rf "$D"' EXIT
trap 'exit 1' INT TERM
status=0
messages=300

is()
{
    # shellcheck disable=SC2254  # a pattern is what is wanted
    case $2 in $3) echo "ok $1" ;; *) echo "not ok $1"; printf '    got:      %s\n    expected: %s\n' "$2" "$3"; status=1 ;; esac
}

cat >"$D/cas.csv" <<END
"Guid","PrimarySmtpAddress","EmailAddresses","OWAEnabled","SmtpClientAuthenticationDisabled"
"0a7d6d2c-0000-4b7e-9d55-000000000001","anna@contoso.example","SMTP:anna@contoso.example","True","False"
END
echo '{ "JournalingReportNdrTo": "<>", "MaxSendSize": "Unlimited", "SmtpClientAuthenticationDisabled": true }' >"$D/transport.json"
echo '[ { "DomainName": "contoso.example", "DomainType": "Authoritative", "MatchSubDomains": false, "Default": true } ]' >"$D/domains.json"
"$build/postern-mirror" import -d "$D/directory" --tenant contoso "$D/cas.csv" "$D/transport.json" "$D/domains.json" >"$D/log" 2>&1 ||
    { cat "$D/log"; exit 1; }

# Asks about so many messages, each after the answer to the one before. Prints how many passed.
ask()
{
    python3 - "$1" "$messages" <<'END'
import socket, sys, time
for _ in range(6000):
    s = socket.socket(socket.AF_UNIX)
    try:
        s.connect(sys.argv[1])
        break
    except OSError:
        time.sleep(0.05)
passed = 0
for i in range(int(sys.argv[2])):
    s.sendall(("request=smtpd_access_policy\nprotocol_state=END-OF-MESSAGE\nsasl_username=anna@contoso.example\n"
               "sasl_method=PLAIN\nsender=anna@contoso.example\nclient_address=203.0.113.9\nencryption_protocol=TLSv1.3\n"
               "recipient_count=2\nsize=1000\nqueue_id=4Q%07d\ninstance=%d\n\n" % (i, i)).encode())
    answer = b""
    while not answer.endswith(b"\n\n"):
        got = s.recv(4096)
        if not got:
            sys.exit("no answer")
        answer += got
    passed += answer.startswith(b"action=DUNNO")
print(passed)
END
}

# run NAME SETTING: all system calls of the thread that answers, by name, into $D/NAME.calls.
run()
{
    local most
    cat >"$D/$1.conf" <<END
directory = "$D/directory"; state = { file = "$D/$1.state"; entries = 65536; }; journal = ""; spool = "$D/spool";
log = { to = "stderr"; }; preset = "none"; policyd = { listen = "unix:$D/$1.socket"; workers = 1; };
limits = ( { name = "message-rate"; per = "user"; count = "messages"; rate = "1000/m"; burst = 100000; },
           { name = "recipient-rate"; per = "user"; count = "recipients"; rate = "10000/m"; burst = 100000; },
           { name = "networks"; per = "user"; count = "distinct client_net"; rate = "9/d"; } );
$2
END
    strace -ff -qq -o "$D/$1.trace" "$build/postern-policyd" -c "$D/$1.conf" >"$D/$1.log" 2>&1 &
    traced=$!
    passed=$(ask "$D/$1.socket")
    kill "$(pgrep -P "$traced" | head -n 1)"
    wait "$traced"
    traced=
    most=$(grep -c '^recvfrom\|^read' "$D/$1".trace.* | sort -t: -k2 -n | tail -n 1)
    sed -n 's/^\([a-z_0-9]*\)(.*/\1/p' "${most%:*}" | sort | uniq -c | awk '{ print $2, $1 }' >"$D/$1.calls"
}

calls() { awk '{ n += $2 } END { print n }' "$D/$1.calls"; }

run alone ''
is 'alone, all messages pass' "$passed" $messages
run shared "cluster = { server = \"unix:/nowhere\"; outbox = \"$D/outbox\"; };"
is 'with a cluster, too' "$passed" $messages
posted=$(od -A n -t u8 -j 64 -N 8 "$D/outbox" | tr -d ' ')
is 'each tells what its limits charged' "$((posted >= 2 * messages))" 1
is 'all calls of the thread that answers were seen' "$(($(calls alone) >= 3 * messages))" 1
# A thread that is kept waiting may call once more; one in ten messages would be the work of a program.
is "a message costs not one call more ($(calls alone) and $(calls shared))" "$((($(calls shared) - $(calls alone)) * 10 < messages))" 1
[ $status -eq 0 ] || paste "$D/alone.calls" "$D/shared.calls"
exit $status
