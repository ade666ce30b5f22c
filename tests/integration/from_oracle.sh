#!/bin/bash
# The From oracle: generated hostile headers, and those of real software, through the judge alone and then through a real
# Postfix and postern-milter, once with the rule for senders only looking on and once in force. What the milter judged must
# be what arrived, no message that passes may show any reader a From that isn't the login's, and nothing honest may be
# refused. See tests/attacks/from_oracle.py.
#
#   from_oracle.sh [COUNT] [SEED] [DIRECT]    300 headers through Postfix and 5,000 through the judge, unless said;
#                                             another seed gives others
set -u
cd "$(dirname "$0")/../.." || exit 1
. scripts/relay.sh
count=${1:-300} seed=${2:-1} direct=${3:-5000}
BIN=${BIN:-build/asan}
make -s --no-print-directory VARIANT=asan B="$BIN" all "$BIN/tests/attacks/from_judge" >/dev/null || exit 1
trap relay_stop EXIT
trap 'exit 1' INT TERM
relay_make "$BIN" || exit 1

# configure MODE: of the rule for senders.
configure()
{
    cat >"$T/postern.conf" <<END
directory = "$T/lib/directory";
state = { file = "$T/lib/state"; entries = 65536; };
journal = "";
log = { to = "stderr"; };
tls = { required = false; };
preset = "none";
sender = { mode = "$1"; };
milter = { listen = "unix:$T/run/milter.sock"; };
END
}

# Bare line ends are to reach the milter and the queue as they are, so that both are seen to read them alike. Short queue
# ids come again within thousands of messages, and a verdict is found by them. Clients are made remote by XCLIENT, but Postfix
# looks before that whose headers it completes: "Berg, Anna <...>" would get an address for Berg.
# shellcheck disable=SC2034
RELAY_MAIN_CF='smtpd_hard_error_limit = 100000
smtpd_error_sleep_time = 0
smtpd_junk_command_limit = 100000
smtpd_forbid_bare_newline = no
smtpd_tls_auth_only = no
enable_long_queue_ids = yes
local_header_rewrite_clients =
header_size_limit = 1024000'
echo 'anna@contoso.example:{PLAIN}secret' >"$T/users"
printf '%s\n' '"Guid","PrimarySmtpAddress","OWAEnabled","SmtpClientAuthenticationDisabled"' \
    '"0a7d6d2c-0001-4b7e-9d55-000000000001","anna@contoso.example","True","False"' >"$T/lib/cas.csv"
relay_import --tenant contoso "$T/lib/cas.csv" >"$T/mirror.log" 2>&1 || { cat "$T/mirror.log"; exit 1; }
configure monitor
relay_start milter || exit 1

submit() { python3 tests/attacks/from_oracle.py send "$count" "$seed" "$SMTP" "$T/$1"; }
accepted() { grep -c ' 250 ' "$T/monitored"; }
# A file in the sink is there before it is whole; Postfix logs a message as sent when the sink has all of it.
all_arrived() { [ "$(grep -c 'status=sent' "$T/maillog")" -ge "$(accepted)" ]; }

submit monitored || { tail -n 20 "$T/maillog"; exit 1; }
for _ in $(seq 20); do relay_wait all_arrived 2>/dev/null && break; done
mkdir "$T/monitored.sink" && mv "$T"/sink/* "$T/monitored.sink/"
find "$T/monitored.sink" -type f -print0 | xargs -0 "$BIN/tests/attacks/from_judge" anna@contoso.example >"$T/judged" || exit 1
configure enforce
relay_reload milter
# The log is written by a thread of its own: with the line about the configuration all before it are there.
cp "$T/milter.log" "$T/milter.log.monitored"
submit enforced || { tail -n 20 "$T/maillog"; exit 1; }
mv "$T/milter.log.monitored" "$T/milter.log"
python3 tests/attacks/from_oracle.py check "$count" "$seed" "$T"
status=$?
python3 tests/attacks/from_oracle.py direct "$direct" "$seed" "$BIN/tests/attacks/from_judge" && exit $status
