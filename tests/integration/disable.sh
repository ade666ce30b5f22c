#!/bin/bash
# A limit with then = "block 1h, disable": what a login sends through a real Postfix leaves a request, and the mirror switches
# SMTP AUTH off in (the stand-in for) Exchange Online, where the tenant allows it. TAP lines. Needs root.
set -u
cd "$(dirname "$0")/../.." || exit 1
. scripts/relay.sh
. tests/e2e/lib.sh
. tests/standin/standin.sh
T=
D=$(mktemp -d /tmp/postern-disable.XXXXXX)
trap 'relay_stop; standin_stop; rm -rf "$D"' EXIT
unset http_proxy https_proxy HTTPS_PROXY all_proxy ALL_PROXY no_proxy NO_PROXY CREDENTIALS_DIRECTORY

# configure WRITEBACK
configure()
{
    cat >"$T/postern.conf" <<END
directory = "$T/lib/directory";
state = { file = "$T/lib/state"; entries = 65536; };
journal = "$T/lib/journal";
log = { to = "stderr"; };
spool = "$D/spool";
alerts = ( { command = ["/bin/true"]; } );
preset = "none";
smtp_auth = { security_defaults = false; authentication_policy = false; };
limits = ( { name = "flood"; per = "user"; count = "messages"; rate = "1/h"; then = "block 1h, disable"; } );
policyd = { listen = "unix:$T/run/policyd.sock"; };
milter = { listen = "unix:$T/run/milter.sock"; };
tenants = ( { name = "contoso"; domains = ["contoso.example"];
    exchange = { tenant_id = "$STANDIN_TENANT"; application = "$STANDIN_CLIENT_ID"; writeback = $1;
        certificate_file = "$STANDIN_CLIENT_CERT"; key_file = "$STANDIN_CLIENT_KEY"; ca_file = "$STANDIN_CA";
        hosts = { login = "localhost:$STANDIN_PORT"; exchange = "localhost:$STANDIN_PORT";
                  graph = "graph.localhost:$STANDIN_PORT"; }; }; } );
END
}
mirror() { "$BIN/postern-mirror" "$@" -c "$T/postern.conf" >"$D/mirror.log" 2>&1 </dev/null; }
requests() { find "$D/spool/disable" -maxdepth 1 -name '*.json' 2>/dev/null | wc -l; }
one_request() { [ "$(requests)" -eq 1 ]; }
# Summaries of the notices that say so.
told() { cat "$D"/spool/alerts/*.json 2>/dev/null | grep -o "\"summary\": \"SMTP AUTH of [^\"]*\"" | sort -u | tr '\n' ' '; }
setting() { mirror sync; mirror show "$1@contoso.example"; sed -n 's/^  SMTP AUTH  *//p' "$D/mirror.log"; }

standin_start "{\"tenants\":{\"$STANDIN_TENANT\":{\"mailboxes\":25}}}" || exit 1
relay_make "${BUILD:-build/asan}" || exit 1
configure true
printf '%s:{PLAIN}secret\n' user0000001@contoso.example user0000005@contoso.example >"$T/users"
mirror sync || cat "$D/mirror.log"
is 'the mailbox may send' "$(setting user0000001)" 'enabled*'
relay_start both || exit 1
submit user0000001@contoso.example >"$D/reply"
is 'its first message passes' "$(cat "$D/reply")" '250*'
submit user0000001@contoso.example >"$D/reply"
is 'its second one is blocked' "$(cat "$D/reply")" '550 5.1.8*'
relay_wait one_request
is 'a request waits for the mirror' "$(requests)" 1

configure false
mirror respond
is 'without writeback nothing is done, and it waits' "$? $(requests) $(standin_requests | grep -c Set-)" '1 1 0'
is 'that is told' "$(told)" '*user0000001@contoso.example could not be disabled*'
configure true
mirror respond
is 'the mirror does it' "$? $(requests) $(standin_requests | grep Set-)" '0 0 1 Set-CASMailbox'
is 'that is told, too' "$(told)" '*user0000001@contoso.example was disabled*'
is 'and it is so in Exchange Online' "$(setting user0000001)" 'disabled*'
mirror respond
is 'nothing is left to do' "$? $(standin_requests | grep Set-)" '0 1 Set-CASMailbox'
echo '{"event": "disabled", "facts": {"tenant": "../contoso", "mailbox": "x"}}' >"$D/spool/disable/0.json"
mirror respond
is 'what is no request is put aside' "$? $(requests) $(ls "$D/spool/disable/failed")" '0 0 0.json'

# A tenant that does not allow it: the block holds, and no request is made.
configure false
relay_reload policyd milter
for _ in 1 2; do submit user0000005@contoso.example >"$D/reply"; done
relay_wait grep 'no exchange.writeback' "$T/milter.log"
is 'a tenant that does not allow it leaves no request' "$(requests) $(grep -c 'no exchange.writeback' "$T/milter.log")" '0 1'

# Runs of the mirror that fail are told of once.
standin_stop
mirror sync
mirror sync
is 'a mirror that fails is told of, once' "$(cat "$D"/spool/alerts/*.json | grep -c '"event": "mirror-failed"')" 1
notices_of() { cat "$D"/spool/alerts/*.json | grep '"event": "mirror-failed"' | grep -o "\"$1\": \"[^\"]*\""; }
is 'of which tenant, and why' "$(notices_of summary)" \
    '*contoso: a run of postern-mirror failed; the settings in use get older, and nothing has changed: *cannot be opened*'
is 'the reason is a fact of its own' "$(notices_of reason)" '*Get-TransportConfig: *cannot be opened*'

# An import that a scheduled task runs has nobody who reads its output.
rm -rf "$D"/spool/alerts/*.json "$D/spool/alerts/episodes"/*
mirror import --tenant contoso --dry-run "$D/missing.csv"
is 'a dry run of an import that fails tells nobody' "$(notices_of summary 2>/dev/null)" ''
mirror import --tenant contoso "$D/missing.csv"
is 'an import that fails without a terminal is told of' "$(notices_of summary)" \
    '*contoso: a run of postern-mirror failed; *missing.csv*'
exit $status
