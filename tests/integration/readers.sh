#!/bin/bash
# Who may not read, or reads something else than the services use, is told exactly that: never "there is none". TAP lines.
set -u
cd "$(dirname "$0")/../.." || exit 1
. scripts/relay.sh
. tests/e2e/lib.sh
BUILD=${BUILD:-build/asan}
eval "$(declare -f relay_make | sed '1s/relay_make/relay_make_of/')"
relay_make() { relay_make_of "$BUILD"; }

A=anna@contoso.example
make_relay '' ''
p() { "$BUILD/postern" -c "$T/postern.conf" "$@"; }
# with_status COMMAND...: what it prints, and its exit status.
with_status() { "$@" 2>&1; echo "exit $?"; }
as() { local id=$1; shift; setpriv --reuid "$id" --regid "$id" --clear-groups "$BUILD/postern" -c "$T/postern.conf" "$@"; }
stranger() { as 65533 "$@"; }
member() { as 65534 "$@"; }
told() { p status --json 2>/dev/null | jq -e '[.services[] | .generation] | length == 2' >/dev/null; }

relay_start both || exit 1
relay_wait told
# Everything is the services'; the folder is open to its group. The state lies beside the directory.
chmod 755 "$T"
chmod 644 "$T/postern.conf"
chmod 750 "$T/lib" && chgrp -R 65534 "$T/lib" && chmod -R g+rwX,o= "$T/lib"

is 'status tells which generation each service uses' "$(p status | grep -c 'pid .*, uses generation 1$')" 2
is 'and in JSON' "$(p status --json | jq -r '.directory | "\(.state) \(.generation) \(.in_use)"')" 'read 1 true'
is 'all is well for the group' "$(member status >/dev/null; echo $?)" 0

# ---- who may not read ----
is 'a stranger is told that the directory may not be read' "$(with_status stranger status)" '*Directory: may not be read by this user*exit 6'
is 'and the counters' "$(stranger status 2>/dev/null)" '*Counters and blocks: may not be read by this user*'
is 'but not that there is none' "$(stranger status 2>/dev/null | grep -c 'there is none')" 0
is 'nor in JSON' "$(stranger status --json 2>/dev/null | jq -r '.directory.state + " " + .state')" 'closed closed'
is 'explain says nothing about a verdict' "$(with_status stranger explain --user $A)" '*ermission denied*exit 6'
is 'metrics leaves out what it may not read' "$(stranger metrics 2>/dev/null | grep -c '^postern_directory_generation\|^postern_blocks\|^postern_decisions')" 0
is 'and says so with its status' "$(stranger metrics >/dev/null 2>&1; echo $?)" 6
is 'but still tells which services run' "$(stranger metrics 2>/dev/null | grep -c '^postern_up{program="postern-[a-z]*"} 1$')" 2
is 'a configuration that is closed is said to be so' "$(chmod 600 "$T/postern.conf"; with_status stranger status; chmod 644 "$T/postern.conf")" '*ermission denied*exit 6'

# ---- a manifest that has gone ----
mv "$T/lib/directory/current" "$T/lib/directory/away"
is 'status tells what the services use' "$(with_status p status)" '*the services use generation 1 of the directory; the folder * has none*exit 7'
is 'and not that mail is deferred' "$(p status 2>/dev/null | grep -c deferred)" 0
is 'which it is not' "$(submit $A)" '250*'
is 'explain gives no verdict' "$(with_status p explain --user $A | grep -v '^postern explain: ')" 'exit 7'
is 'and says why' "$(p explain --user $A 2>&1)" '*the services use generation 1*has none*'
is 'metrics tell both' "$(p metrics 2>/dev/null | grep '^postern_\(directory\|services\)_generation')" 'postern_directory_generation 0*postern_services_generation 1'
is 'with their status' "$(p metrics >/dev/null 2>&1; echo $?)" 7
is 'a block is made all the same' "$(p block client 192.0.2.1 2>/dev/null; echo $?; p unblock 192.0.2.1 >/dev/null 2>&1)" 'blocked*0'
mv "$T/lib/directory/away" "$T/lib/directory/current"
is 'it is well again when the manifest is back' "$(p status >/dev/null 2>&1; echo $?)" 0

# ---- a service that does not run ----
kill -9 "$(cat "$T/milter.pid")"
is 'a service that does not run is DOWN' "$(with_status p status)" '*postern-milter *DOWN*exit 3'
is 'and 0 in the metrics' "$(p metrics | grep '^postern_up')" '*postern_up{program="postern-milter"} 0'
is 'and down in JSON' "$(p status --json | jq -r '.services[] | select(.state == "down") | .name')" postern-milter
rm -f "$T/run/milter.sock"
relay_start_milter

# ---- a service that hangs: the kernel goes on accepting connections for it ----
policyd=$(cat "$T/policyd.pid")
relay_wait told
kill -STOP "$policyd"
becomes 'a service that hangs is SILENT' 'with_status p status' '*postern-policyd *SILENT*policyd.sock: connects, but its program is silent*exit 3'
is 'the other one is not' "$(p status 2>/dev/null | grep -c 'postern-milter *SILENT\|milter.sock: connects, but')" 0
is 'a monitor is told' "$(with_status p status --check)" 'POSTERN CRITICAL - *postern-policyd is silent*exit 2'
is 'and 0 is in the metrics' "$(p metrics | grep '^postern_\(up\|listener_up\).*policyd')" 'postern_up{program="postern-policyd"} 0*postern_listener_up{*} 0'
is 'silent it is in JSON' "$(p status --json | jq -r '.services[] | "\(.name) \(.state)"' | sort | tr '\n' ' ')" 'postern-milter up postern-policyd silent '
kill -CONT "$policyd"
becomes 'it is well again when it goes on' 'p status >/dev/null 2>&1; echo $?' 0

# ---- a journal that nobody wants ----
cp "$T/postern.conf" "$T/before.conf"
sed -i 's|^ *journal *=.*|journal = "";|; s|journal = "[^"]*"|journal = ""|' "$T/postern.conf"
is 'no journal is no trouble where none is wanted' "$(with_status p status --check)" 'POSTERN OK - *exit 0'
is 'and status says that there is none' "$(with_status p status)" '*Verdicts: no journal is kept*exit 0'
mv "$T/before.conf" "$T/postern.conf"

# ---- a configuration that is wrong ----
echo 'nonsense = 1;' >>"$T/postern.conf"
is 'status works with a configuration that is wrong, and says so' "$(with_status p status)" '*Configuration: WRONG*nonsense*exit 3'
is 'with what the services do' "$(p status 2>/dev/null | grep -c '^  postern-[a-z]* *pid .*uses generation 1')" 2
is 'and the directory that they have' "$(p status 2>/dev/null)" '*Directory, generation 1*contoso *3 mailboxes*'
is 'in JSON too' "$(p status --json 2>/dev/null | jq -r .config_problem)" '*nonsense*'
is 'so do metrics' "$(with_status p metrics | grep '^postern_up.*policyd\|^postern_directory_generation\|nonsense\|^exit')" \
    'postern_up{program="postern-policyd"} 1*postern_directory_generation 1*nonsense*exit 1'
is 'without the limits, which are not known' "$(p metrics 2>/dev/null | grep -c '^postern_limit_hits_total')" 0
sed -i '$d' "$T/postern.conf"
echo 'tenants = ( ' >>"$T/postern.conf"
is 'also with one that is not a configuration' "$(with_status p status)" '*Configuration: WRONG*syntax error*generation 1*exit 3'
sed -i '$d' "$T/postern.conf"
is 'and is well when it is mended' "$(p status >/dev/null 2>&1; echo $?)" 0

# ---- what is known of each part ----
is 'status tells the age and source of each part' "$(p status)" "*organization's setting * old, from transport.json*mailboxes' settings * old, from *cas.csv*security defaults *not mirrored*"
is 'the setting as mirrored, with nothing that goes before it' \
    "$(p status --json | jq -r '.tenants[0] | "\(.smtp_auth) \(.smtp_auth_override)"')" 'disabled null'
cp "$T/postern.conf" "$T/before.conf"
echo 'tenants = ( { name = "contoso"; smtp_auth = "enabled"; } );' >>"$T/postern.conf"
is 'and with the word that the relay has' \
    "$(p status --json | jq -r '.tenants[0] | "\(.smtp_auth) \(.smtp_auth_override)"')" 'disabled enabled'
is 'in words too' "$(p status)" '*SMTP AUTH disabled as mirrored (here enabled by tenants.smtp_auth)*'
mv "$T/before.conf" "$T/postern.conf"
is 'JSON too' "$(p status --json | jq -r '.tenants[0].parts | "\(.organization.source) \(.["security-defaults"])"')" 'transport.json null'
is 'metrics too' "$(p metrics | grep -c '^postern_directory_part_timestamp_seconds{tenant="contoso",part="organization"} [1-9]')" 1
is 'nothing came out of the sanitizers' "$(cat "$T"/*.log | grep -c 'ERROR: \|runtime error')" 0
exit $status
