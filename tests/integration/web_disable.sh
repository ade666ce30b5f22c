#!/bin/bash
# SMTP AUTH switched off in (the stand-in for) Exchange Online as somebody asks postern-web: "postern act" checks it and leaves it to
# "postern-mirror respond", which has the keys; what became of it is in the log, and what the directory has afterwards. TAP lines.
set -u
cd "$(dirname "$0")/../.." || exit 1
. tests/integration/web_lib.sh
. tests/standin/standin.sh
KILLS=${KILLS:-12}
respond=
ended() { [ -z "$respond" ] || kill "$respond" 2>/dev/null; standin_stop; finish; }
trap ended EXIT
unset http_proxy https_proxy HTTPS_PROXY all_proxy ALL_PROXY no_proxy NO_PROXY CREDENTIALS_DIRECTORY
A=user0000001@contoso.example
C=user0000005@contoso.example
me=$(id -un)

# configure WRITEBACK ACTIONS [CA]
configure()
{
    cat >"$T/postern.conf" <<END
directory = "$T/lib/directory";
state = { file = "$T/lib/state"; entries = 65536; };
journal = "$T/lib/journal";
log = { to = "stderr"; };
spool = "$T/spool";
policyd = { listen = "unix:$T/run/policyd.sock"; };
smtp_auth = { security_defaults = false; authentication_policy = false; };
web = { listen = "unix:$T/run/web.sock"; users = "$T/users"; action_log = "$T/actions.log"; actions = [$2]; actions_an_hour = 1000; };
tenants = ( { name = "contoso"; domains = ["contoso.example"];
    exchange = { tenant_id = "$STANDIN_TENANT"; application = "$STANDIN_CLIENT_ID"; writeback = $1;
        certificate_file = "$STANDIN_CLIENT_CERT"; key_file = "$STANDIN_CLIENT_KEY"; ca_file = "${3:-$STANDIN_CA}";
        hosts = { login = "localhost:$STANDIN_PORT"; exchange = "localhost:$STANDIN_PORT";
                  graph = "graph.localhost:$STANDIN_PORT"; }; }; },
    { name = "fabrikam"; domains = ["fabrikam.example"]; } );
END
}
p() { "$build/postern" -c "$T/postern.conf" "$@"; }
mirror() { "$build/postern-mirror" "$@" -c "$T/postern.conf" >>"$T/mirror.log" 2>&1 </dev/null; }
# As postern-act.path and postern-mirror-respond.path do when there is something.
act() { p act --user "$me" >>"$T/act.log" 2>&1; }
is_asked() { compgen -G "$T/spool/disable/*.json" >/dev/null; }
responding() { while sleep 0.2; do ! is_asked || mirror respond; done; }
left() { find "$T/spool/web" "$T/spool/disable/replies" -type f; is_asked && echo asked; }
here() { "$build/postern-mirror" show "$1" -c "$T/postern.conf" | sed -n 's/^  SMTP AUTH  *//p'; }
there() { mirror sync; here "$1"; }
sets() { standin_requests | sed -n 's/ Set-CASMailbox$//p'; }

token_of() { grep -Eo '[A-Za-z0-9_-]{30,}' "$T/$1" | tail -n 1; }
call() { curl -sS --max-time 100 --unix-socket "$T/run/web.sock" -H "Authorization: Bearer $(token_of "$1")" -H 'Content-Type: application/json' "http://localhost/api/v1/$2" -w '\n%{http_code}\n' "${@:3}" 2>&1; }
# asked NAME: what is asked for of a mailbox, typed twice.
asked() { echo '{"verb":"disable","subject":"'"$1"'","confirm":"'"$1"'","reason":"its password was stolen"}'; }
# ask WHO JSON: asks, has it done; what became of it.
ask()
{
    local id; id=$(call "$1" actions --data-binary "$2" | sed '$d' | jq -r .data.id)
    act
    call "$1" "actions/$id" | sed '$d' | jq -r '.data | "\(.state) \(.before) > \(.after): \(.said)"' 2>&1
}
status() { call "$1" actions --data-binary "$2" | tail -n 1; }

standin_start "{\"tenants\":{\"$STANDIN_TENANT\":{\"mailboxes\":$((KILLS * 10 + 25))}}}" || exit 1
mkdir "$T/spool" "$T/spool/web" && chmod 750 "$T/spool" "$T/spool/web"
configure true '"disable"'
mirror sync || cat "$T/mirror.log"
printf 'own@fabrikam.example\n' >"$T/fabrikam.txt"
mirror import --tenant fabrikam "$T/fabrikam.txt"
for role in operator admin; do p web-user token $role --role $role --expires never >"$T/$role" 2>&1; done
p web-user token abroad --role admin --expires never --tenants fabrikam >"$T/abroad" 2>&1
start policyd && start web || exit 1
responding & respond=$!

is 'the mailbox may send' "$(here $A)" 'enabled*'
is 'an operator may not ask for it' "$(status operator "$(asked $A)")" 403
is 'it is typed twice' "$(status admin '{"verb":"disable","subject":"'$A'","reason":"x"}')" 400
is 'of another tenant'\''s mailbox it is refused' "$(ask abroad "$(asked $A)")" 'refused*no mailbox of the tenants fabrikam*'
is 'nothing was asked of Exchange Online' "$(sets)" ''
is 'who may has it done' "$(ask admin "$(asked $A)")" 'done SMTP AUTH enabled > SMTP AUTH disabled: *the relay applies it now*'
is 'in Exchange Online itself' "$(sets) $(there $A)" '1 disabled*'
is 'the log says who, and why' "$(tail -n 1 "$T/actions.log" | jq -r '.who + ": " + .reason')" 'admin: its password was stolen'
is 'and so does the mirror'\''s' "$(grep -c 'event=write-back.*mailbox=.*by=web:admin ' "$T/mirror.log")" 1
is 'what is so already is said to be so' "$(ask admin "$(asked $A)")" 'done*disabled already*'
is 'it was set once' "$(sets)" 1
is 'no request and no reply is left' "$(left)" ''

# ---- what cannot be done ----
is 'a name that is none is not asked for' "$(ask admin "$(asked nobody@contoso.example)")" 'failed*not the login of one mailbox*'
is 'nor one of a tenant that is not in Exchange Online' "$(ask admin "$(asked own@fabrikam.example)")" 'failed*no exchange.writeback*'
configure false '"disable"'
is 'nor of one that does not allow it' "$(ask admin "$(asked $C)")" 'failed*no exchange.writeback*'
configure true '"disable"'
standin_scenario "{\"tenants\":{\"$STANDIN_TENANT\":{\"mailboxes\":$((KILLS * 10 + 25))}},\"directory_role\":false}"
is 'what Exchange Online refuses has failed' "$(ask admin "$(asked $C)")" 'failed SMTP AUTH enabled > SMTP AUTH enabled: *'
standin_scenario "{\"tenants\":{\"$STANDIN_TENANT\":{\"mailboxes\":$((KILLS * 10 + 25))}}}"
is 'nothing of that was set' "$(sets) $(there $C)" '1 enabled*'

# ---- set there, and the directory cannot be written ----
kill "$respond"; wait "$respond" 2>/dev/null
# It says what it says through a pipe: no file may get longer than a reply.
narrow() { (ulimit -f 4; env --ignore-signal=XFSZ "$build/postern-mirror" respond -c "$T/postern.conf" </dev/null 2>&1) | cat >>"$T/mirror.log"; }
responding_narrowly() { while sleep 0.2; do ! is_asked || narrow; done; }
responding_narrowly & respond=$!
is 'what is only half done has failed, and says what the directory has' "$(ask admin "$(asked $C)")" 'failed SMTP AUTH enabled > SMTP AUTH enabled: 1 mailboxes were set, but the directory could not be written*'
is 'it is set there' "$(sets)" 2
kill "$respond"; wait "$respond" 2>/dev/null
responding & respond=$!
is 'asked for again, the directory has it, too' "$(ask admin "$(asked $C)") $(sets)" 'done SMTP AUTH enabled > SMTP AUTH disabled:*2'

# ---- while it is waited for ----
kill "$respond"; wait "$respond" 2>/dev/null
configure true '"disable", "block"'
id=$(call admin actions --data-binary "$(asked user0000002@contoso.example)" | sed '$d' | jq -r .data.id)
act & helper=$!
state_of() { call admin "actions/$1" | sed '$d' | jq -r '.data | .state + " " + .said'; }
relay_wait is_asked
is 'it is begun as long as nothing is known of it' "$(state_of "$id")" 'begun*'
other=$(call operator actions --data-binary '{"verb":"block","subject":"'$C'","for":"1h","reason":"x"}' | sed '$d' | jq -r .data.id)
is_done() { case $(state_of "$other") in done*) ;; *) return 1 ;; esac; }
relay_wait is_done
is 'what others ask for meanwhile is done' "$(state_of "$other") $(p blocks --json | jq -r '.[0].subject')" "done*user $C"
responding & respond=$!
wait $helper
is 'and it itself when Exchange Online has it' "$(state_of "$id")" 'done*'

configure true '"block"'
is 'unless it is switched on it is refused' "$(status admin "$(asked $C)")" 403
configure true '"disable"'

# ---- killed at any moment ----
# plant NUMBER: what is asked for of that mailbox.
plant()
{
    local subject; subject=$(printf 'user%07d@contoso.example' "$1")
    printf '{"id":"2-%s","at":%s,"who":"x","role":"admin","from":"y","tenants":"*","asked":%s}' "$1" "$(date +%s)" "$(asked "$subject")" >"$T/spool/web/.new"
    chmod 640 "$T/spool/web/.new" && mv "$T/spool/web/.new" "$T/spool/web/2-$1.json"
}
kill "$respond"; wait "$respond" 2>/dev/null
killed_often()
{
    while sleep 0.1; do
        is_asked || continue
        "$build/postern-mirror" respond -c "$T/postern.conf" >>"$T/mirror.log" 2>&1 </dev/null &
        local run=$!
        sleep "0.$(printf %03d $((RANDOM % 900)))"
        [ $((RANDOM % 3)) = 0 ] || kill -9 $run 2>/dev/null
        wait $run
    done 2>/dev/null
}
killed_often & respond=$!
numbers=$(seq 6 10 $((6 + 10 * (KILLS - 1))))
for i in $numbers; do
    plant "$i"
    "$build/postern" -c "$T/postern.conf" act --user "$me" >>"$T/act.log" 2>&1 &
    helper=$!
    sleep "$((RANDOM % 2)).$(printf %03d $((RANDOM % 999)))"
    kill -9 $helper 2>/dev/null
    wait $helper 2>/dev/null
done
kill "$respond"; wait "$respond" 2>/dev/null
responding & respond=$!
for _ in $numbers; do act; done
python3 - "$T/actions.log" "$KILLS" >"$T/counted" 2>&1 <<'END'
import collections, json, sys
begun, ended, said = collections.Counter(), collections.Counter(), collections.Counter()
for line in open(sys.argv[1]):
    try: row = json.loads(line)
    except ValueError: continue
    if row["id"].startswith("2-"):
        (begun if row["state"] == "begun" else ended)[row["id"]] += 1
        said[row["state"]] += 1
print(len(begun) == len(ended) == int(sys.argv[2]), set(begun.values()), set(ended.values()), dict(said))
END
is 'killed at any moment, each is begun once and ends once' "$(cat "$T/counted")" "True {1} {1} *'done': $KILLS*"
mirror sync
is 'and each is disabled' "$(for i in $numbers; do here "$(printf 'user%07d@contoso.example' "$i")"; done | sort | uniq -c)" " *$KILLS disabled*"
# Who was killed while it wrote leaves a hidden file, which goes after an hour.
kill "$respond"; wait "$respond" 2>/dev/null
find "$T/spool/disable/replies" -name '.*' -type f -exec touch -d '-2 hours' {} +
becomes 'nothing is left over' 'mirror respond; left' ''
is 'no program said anything else' "$(grep -E 'ERROR: |runtime error|DEADLYSIGNAL' "$T"/*.log)" ''
exit $status
