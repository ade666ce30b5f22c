#!/bin/bash
# What people ask postern-web to have done: it leaves a request in the spool, "postern act" checks it again and does it once or not at
# all, and the log has both. TAP lines. BUILD=... for another build directory than build/asan.
set -u
cd "$(dirname "$0")/../.." || exit 1
. scripts/relay.sh
. tests/e2e/lib.sh
BUILD=${BUILD:-build/asan}
KILLS=${KILLS:-100}
A=anna@contoso.example
C=cleo@contoso.example
relay_pids=
W=${TMPDIR:-/tmp}/postern-web-actions.$$
web=
finish() { [ -z "$web" ] || { kill "$web"; wait "$web"; } 2>/dev/null; rm -rf "$W"; relay_stop; }
trap finish EXIT
make_relay '' 'web = { listen = "unix:'"$W"'/web.sock"; users = "'"$W"'/users"; action_log = "'"$W"'/log/actions.log"; actions_an_hour = 40; };
     spool = "'"$W"'/spool";'
p() { "$BUILD/postern" -c "$T/postern.conf" "$@"; }
# As postern-act.path does when there is something.
act() { p act --user "$me" >>"$W/act.log" 2>&1; }
me=$(id -un)
mkdir -p "$W/log" "$W/spool/web" && chmod 755 "$W" && chmod 750 "$W/spool" "$W/spool/web"
relay_start both || exit 1
p web-user token operator --role operator --expires never >"$W/operator" 2>&1
p web-user token reader --role reader --expires never >"$W/reader" 2>&1
p web-user token admin --role admin --expires never >"$W/admin" 2>&1
p web-user token abroad --role operator --expires never --tenants fabrikam >"$W/abroad" 2>&1
p web-user token bound --role operator --expires never --tenants contoso >"$W/bound" 2>&1
"$BUILD/postern-web" -c "$T/postern.conf" >>"$W/web.log" 2>&1 &
web=$!
relay_wait relay_listens_at "$W/web.sock" || exit 1
S=$W/spool/web

token_of() { grep -Eo '[A-Za-z0-9_-]{30,}' "$W/$1" | tail -n 1; }
# call WHO PATH [OPTION...]: the body, and the status on a line of its own.
call() { curl -sS --max-time 100 --unix-socket "$W/web.sock" -H "Authorization: Bearer $(token_of "$1")" -H 'Content-Type: application/json' "http://localhost/api/v1/$2" -w '\n%{http_code}\n' "${@:3}" 2>&1; }
post() { call "$1" actions --data-binary "$2"; }
id_of() { sed '$d' <<<"$1" | jq -r .data.id 2>/dev/null; }
# ask WHO JSON: asks, has it done; what became of it.
ask() { local id; id=$(id_of "$(post "$1" "$2")"); act; call "$1" "actions/$id" | sed '$d' | jq -r '.data | "\(.state) \(.said)"' 2>&1; }
logged() { tail -n 1 "$W/log/actions.log" | jq -r "$1"; }

is 'a message passes' "$(submit $A)" '250*'
is 'what may be asked for is said, and of whom' "$(call reader verbs | sed '$d' | jq -r '.data | map("\(.verb) \(.role) \(.kind) \(.for)") | join(", ")')" 'block operator true true, unblock operator true false, hold operator false false, release operator false false'
is 'a reader asks for nothing' "$(post reader '{"verb":"block","subject":"'$A'","reason":"x"}' | tail -n 1)" 403
is 'an operator is told that it waits' "$(post operator '{"verb":"block","subject":"'$A'","for":"1h","reason":"stolen <b>password</b>"}')" '*"state": "waiting"*202'
is 'and nothing is done by the program itself' "$(submit $A)" '250*'
id=$(basename "$(echo "$S"/*.json)" .json)
is 'that it waits is shown' "$(call operator "actions/$id" | sed '$d' | jq -r .data.state)" waiting
act
is 'the helper does it: the login is refused' "$(submit $A)" '[45]*'
is 'and that is shown' "$(call reader "actions/$id" | sed '$d' | jq -r '.data | "\(.state) \(.who) \(.before) > \(.after)"')" 'done operator not blocked > blocked by operator until 20*Z'
is 'the request is gone' "$(ls "$S")" ''
is 'the block has who, and why' "$(p blocks --json | jq -r '.[0].reason')" 'web:operator: stolen <b>password</b>'
is 'unblocked it passes' "$(ask operator '{"verb":"unblock","subject":"'$A'","reason":"it was the owner"}') $(submit $A)" 'done unblocked*250*'
is 'who lifted the block is kept, and why' "$(p blocks --ended --json | jq -r '.[0] | "\(.subject) \(.how) by \(.by): \(.why)"')" "user $A lifted by web:operator: it was the owner"
is 'the log has both, the newest first' "$(call reader actions | sed '$d' | jq -r '.data | map(.verb + " " + .state) | join(", ")')" 'unblock done, block done'
is 'in pages' "$(call reader 'actions?rows=1&after=1' | sed '$d' | jq -r '.data[0].verb')" block

verbs=$(sed -n 's/^    \[ACT_[A-Z]*\] = {"\([a-z]*\)".*/\1/p' core/access/act.c)
is 'the pages have words for each verb' "$(for verb in $verbs; do grep -q "^      $verb: {" web/assets/text.js || echo "$verb"; done; echo "$verbs" | wc -l)" '[1-9]*'

# ---- what is refused ----
refused() { is "$1" "$(post "$2" "$3" | tail -n 1)" "$4"; }
refused 'a verb that is not switched on' admin '{"verb":"allow","subject":"'$A'","reason":"x"}' 403
refused 'one that is none' admin '{"verb":"exec","subject":"'$A'","reason":"x"}' 400
refused 'no reason' operator '{"verb":"block","subject":"'$A'"}' 400
refused 'a reason of blanks' operator '{"verb":"block","subject":"'$A'","reason":"  "}' 400
refused 'a reason of two lines' operator '{"verb":"block","subject":"'$A'","reason":"a\nb"}' 400
refused 'a reason without end' operator '{"verb":"block","subject":"'$A'","reason":"'"$(printf 'x%.0s' $(seq 201))"'"}' 400
refused 'a NUL' operator '{"verb":"block","subject":"a\u0000b","reason":"x"}' 400
refused 'a lone surrogate' operator '{"verb":"block","subject":"a\ud800b","reason":"x"}' 400
refused 'a member that means nothing' operator '{"verb":"block","subject":"'$A'","reason":"x","force":true}' 400
refused 'one that the verb does not take' operator '{"verb":"hold","subject":"'$A'","reason":"x","for":"1h"}' 400
refused 'a member twice' operator '{"verb":"block","verb":"hold","subject":"'$A'","reason":"x"}' 400
refused 'no JSON' operator 'verb=block' 400
refused 'a subject that was typed again wrongly' operator '{"verb":"unblock","subject":"'$A'","reason":"x","confirm":"'$C'"}' 400
is 'nothing of that is in the spool' "$(ls "$S")" ''

is 'an option in place of a subject is a subject' "$(ask operator '{"verb":"block","subject":"--force","reason":"x"}')" 'failed*'
is 'a shell finds nothing to run' "$(ask operator '{"verb":"block","subject":"$(touch '"$W"'/run)`id`;id","reason":"$(id) %s%n <script> \u202e =1+1"}'; ls "$W/run" 2>&1)" 'failed*No such file*'
is 'its reason is in the log as it was' "$(logged .reason)" '$(id) %s%n <script> * =1+1'
is 'and the log is printable ASCII' "$(LC_ALL=C grep -c '[^ -~]' "$W/log/actions.log")" 0
is 'who is bound to a tenant changes its own' "$(ask bound '{"verb":"block","subject":"'$C'","reason":"x"}')" 'done*'
is 'and no other' "$(ask abroad '{"verb":"unblock","subject":"'$C'","reason":"x"}')" 'refused no mailbox of the tenants fabrikam*'
is 'nor a network' "$(ask bound '{"verb":"block","kind":"network","subject":"198.51.100.0/24","reason":"x"}')" 'refused*'
is "of what is no tenant's the tenant is not known" "$(call admin actions | sed '$d' | jq -c '.data | map(.tenant) | unique')" '\[null,"contoso"\]'
is 'who sees another tenant sees none of that' "$(call abroad actions | sed '$d' | jq -r '.data | map(.who) | unique | join(" ")')" abroad

# ---- planted ones ----
# plant NAME [OWNER]: a request that nobody asked the web program for.
plant()
{
    local now; now=$(date +%s)
    printf '{"id":"%s","at":%s,"who":"x","role":"%s","from":"y","tenants":"*","asked":{"verb":"%s","subject":"%s","reason":"z"}}' "$1" "${4:-$now}" "${5:-operator}" "${3:-block}" "$A" >"$S/.new"
    chmod 640 "$S/.new" && chown "${2:-$me}" "$S/.new" && mv "$S/.new" "$S/$1.json"
}
plant 1-a nobody; act
is 'one of another user is refused, and gone' "$(ls "$S") $(tail -n 1 "$W/act.log")" ' *user 65534 wrote it*'
plant 1-b "$me" allow; act
is 'the helper asks the configuration itself' "$(logged '.state + .said')" 'refused*allow is not switched on*'
plant 1-c "$me" block 1000000000; act
is 'and for its age' "$(logged '.state + .said')" 'refused*s old*'
plant 1-d "$me" block "$(date +%s)" reader; act
is 'and for the role' "$(logged '.state + .said')" 'refused*role operator*'
ln -s /etc/passwd "$S/1-e.json"; mkfifo "$S/1-f.json"; mkdir "$S/1-9.json"; printf x >"$S/2 x.json"
long=$(printf 'a%.0s' $(seq 250)); mkdir -p "$S/$long.json/a" "$S/1-7.json/a" "$S/.1-7.json.refused/a"
python3 -c 'import socket, sys; socket.socket(socket.AF_UNIX).bind(sys.argv[1])' "$S/1-6.json"; act; acted=$?
is 'links, pipes, sockets and folders are put away' "$(ls "$S") $acted" ' 0'
is 'nothing of that was done' "$(p blocks --json | jq -r 'map(.subject) | join(" ")')" "user $C"
chmod 777 "$S"; plant 1-8; p act --user "$me" >"$W/out" 2>&1; chmod 750 "$S"
is 'a folder in which all may write is not read' "$(cat "$W/out")" '*nobody else may write*'
act
plant 1-8; act
is 'what was done is not done again' "$(grep -c '"id":"1-8","state":"done"' "$W/log/actions.log")" 1
p unblock $A >/dev/null

p block user $A >/dev/null; p block login $A >/dev/null
is 'more blocks than were meant are not lifted' "$(p unblock --at-most 1 $A 2>&1; p blocks --json | jq length)" '*nothing was lifted: these are 2 blocks*3'
is 'as many are' "$(p unblock --at-most 2 $A 2>&1 | wc -l)" 2

# ---- killed at any moment ----
sed -i 's/actions_an_hour = 40/actions_an_hour = 1000/' "$T/postern.conf"
for i in $(seq "$KILLS"); do
    plant "2-$i" "$me" "$([ $((i % 2)) = 0 ] && echo unblock || echo block)"
    # The program itself, not a shell around it.
    "$BUILD/postern" -c "$T/postern.conf" act --user "$me" >>"$W/act.log" 2>&1 &
    helper=$!
    sleep "0.$(printf %03d $((RANDOM % 120)))"
    kill -9 $helper 2>/dev/null
    wait $helper 2>/dev/null
    act
done
python3 - "$W/log/actions.log" "$KILLS" >"$W/counted" 2>&1 <<'END'
import collections, json, sys
begun, ended = collections.Counter(), collections.Counter()
for line in open(sys.argv[1]):
    try: row = json.loads(line)
    except ValueError: continue
    if row["id"].startswith("2-"):
        (begun if row["state"] == "begun" else ended)[row["id"]] += 1
print(len(begun) == len(ended) == int(sys.argv[2]), set(begun.values()), set(ended.values()))
END
is 'killed at any moment, each is begun once and ends once' "$(cat "$W/counted")" 'True {1} {1}'
is 'the spool is empty' "$(ls "$S")" ''
is 'and the last one holds' "$(p blocks --json | jq -r 'map(.subject) | join(" ")')" "$([ $((KILLS % 2)) = 0 ] && echo "user $C" || echo "*user $A*")"
printf '{"at":%s,"id":"3-a","state":"begun","verb":"unblock"}\n' "$(date +%s)" >>"$W/log/actions.log"
plant 3-a "$me" unblock; sed -i 's/"reason":"z"/"reason":"z","accept":true/' "$S/3-a.json"; act
is 'what cannot be done twice is left for a person to look at' "$(logged '.state + " " + .said')" 'unknown *look at*'
printf '{"at":1,"id":"half' >>"$W/log/actions.log"; plant 3-b; act
is 'half a line of a crash takes no other with it' "$(logged '.id + " " + .state')" '3-b done'

# ---- so many an hour ----
sed -i 's/actions_an_hour = 1000/actions_an_hour = 5/' "$T/postern.conf"
plant 4-a; act
is 'more in an hour than the configuration says are refused' "$(logged '.state + " " + .said')" 'refused *within the last hour*'
# ---- a log that is turned over ----
# As long as one that is turned over by itself, with the newest lines at its end.
lengthen() { { yes '{"at":1,"id":"0-0","state":"done","verb":"block"}' | head -c $((33 << 20)); echo; cat "$W/log/actions.log"; } >"$W/long" && cat "$W/long" >"$W/log/actions.log"; }
lengthen
plant 4-b; plant 3-b; act
is 'it is turned over' "$(stat -c '%a %s' "$W/log/actions.log.1") $(wc -l <"$W/log/actions.log")" '640 3[0-9]* 1'
is 'and the hour goes on' "$(logged '.id + " " + .state + " " + .said')" '4-b refused *within the last hour*'
is 'nor is anything done again that was done before' "$(cat "$W"/log/actions.log* | grep -c '"id":"3-b","state":"begun"') $(ls "$S")" '1 '
cat "$W/log/actions.log.1" "$W/log/actions.log" | tail -n 20 >"$W/renamed"; rm "$W/log/actions.log"; mv "$W/renamed" "$W/log/actions.log.1"
plant 4-c; act
is 'somebody else may rename it, too' "$(logged '.id + " " + .state + " " + .said')" '4-c refused *within the last hour*'
is 'and the page goes on' "$(call admin actions | sed '$d' | jq -r '.data | map(.id) | join(" ")')" '4-c 4-b 4-a *3-b*'
is 'the program and the helper said nothing else' "$(grep -E 'ERROR: |runtime error|DEADLYSIGNAL' "$W/act.log" "$W/web.log")" ''
exit $status
