#!/bin/bash
# Who may have what of postern-web: each role at each path of its table, sessions and their cookies, tries of passwords, pages of
# other origins, the word of a proxy, tenants, TCP. TAP lines. BUILD: the folder with programs.
set -u
cd "$(dirname "$0")/../.." || exit 1
. tests/integration/web_lib.sh
port=$(relay_free_port)
secret=0123456789abcdef0123456789abcdef
(umask 077; echo $secret >"$T/proxy-secret")
cat >"$T/postern.conf" <<END
directory = "$T/lib/directory"; state = { file = "$T/lib/state"; entries = 1024; }; journal = "$T/lib/journal";
spool = "$T/lib/spool"; log = { to = "stderr"; }; preset = "none";
tenants = ( { name = "contoso"; domains = ["contoso.example"]; }, { name = "fabrikam"; domains = ["fabrikam.example"]; } );
policyd = { listen = "unix:$T/run/policyd.sock"; }; milter = { listen = ""; };
web = {
    listen = ( { address = "unix:$T/run/web.sock"; mode = "0600"; }, "inet:127.0.0.1:$port" );
    hosts = ["relay.contoso.example"];
    proxy = {
        secret_file = "proxy-secret"; user_header = "X-Remote-User"; groups_header = "X-Remote-Groups";
        roles = ( { group = "postmasters"; role = "operator"; }, { group = "help desk"; role = "reader"; tenants = ["fabrikam"]; } );
    };
};
END
user() { "$build/postern" -c "$T/postern.conf" web-user "$@"; }
# Each has one mailbox, whose setting has changed once.
for disabled in True False; do
    for tenant in contoso fabrikam; do
        printf '%s\n' '"Guid","PrimarySmtpAddress","DisplayName","SmtpClientAuthenticationDisabled"' \
            "\"0a7d6d2c-0001-4b7e-9d55-00000000000${#tenant}\",\"anna@$tenant.example\",\"Anna of $tenant\",\"$disabled\"" >"$T/$tenant.csv"
        "$build/postern-mirror" import -c "$T/postern.conf" --tenant $tenant --force "$T/$tenant.csv" >>"$T/mirror.log" 2>&1 || { cat "$T/mirror.log"; exit 1; }
    done
done
start policyd || { cat "$T/policyd.log"; exit 1; }
for login in anna@contoso.example anna@fabrikam.example; do
    printf 'request=smtpd_access_policy\nprotocol_state=RCPT\nsasl_method=PLAIN\nsasl_username=%s\nsender=%s\nrecipient=x@adatum.example\nclient_address=192.0.2.1\ninstance=%s\n\n' \
        $login $login $login | timeout 100 python3 -c '
import socket, sys
s = socket.socket(socket.AF_UNIX)
s.connect(sys.argv[1])
s.sendall(sys.stdin.buffer.read())
s.recv(4096)' "$T/run/policyd.sock"
done

# ---- accounts ----
word='correct horse battery'
is 'an account is made with a password from the standard input' "$(echo "$word" | user add anna --role admin 2>&1; echo $?)" '*web-users: added anna*0'
is 'nobody else may read the file' "$(stat -c %a "$T/web-users")" 640
is 'the password is not in it' "$(grep -c "$word" "$T/web-users"; grep -c '^anna:admin:\*:\$y\$' "$T/web-users")" '0*1'
# Words of one line each, which make none.
refused=
while read -ra words; do
    echo "$word" | user add "${words[@]}" >/dev/null 2>&1
    refused="$refused$?"
done <<'END'
a:b --role admin
bob --role boss
bob --role reader --tenants adatum
bob --role reader --tenants contoso,
bob --role viewer --tenants contoso
bob --role reader --expires 1d
bob --role metrics
bob
END
is 'what is no name, role or tenant makes none' "$refused" 22122222
is 'nor is there a token for no time at all' "$(user token bob --role reader --expires 0s 2>&1; grep -c '^bob:' "$T/web-users")" '*good for nothing*0'
is 'nor does a password that is short' "$(echo short | user add bob --role reader 2>&1; wc -l <"$T/web-users")" '*12 to 511 bytes*1'
# typed ANSWER ANSWER: what the terminal shows, where the password is asked for.
typed() { timeout 100 python3 -c '
import os, pty, sys
pid, terminal = pty.fork()
if pid == 0:
    os.execv(sys.argv[1], [sys.argv[1], "-c", sys.argv[2], "web-user", "add", "typed", "--role", "reader"])
shown, answers = b"", sys.argv[3:]
while True:
    try:
        part = os.read(terminal, 4096)
    except OSError:
        break
    if not part:
        break
    shown += part
    if answers and shown.count(b": ") > 2 - len(answers) and shown.endswith(b": "):
        os.write(terminal, answers.pop(0).encode() + b"\n")
print(shown.decode())' "$build/postern" "$T/postern.conf" "$@"; }
is 'on a terminal a password is asked for twice, and not shown' "$(typed "$word" "$word" | tr -d '\r'; grep -c '^typed:reader' "$T/web-users")" 'Password: *Again: *added typed*1'
is 'two different ones are none' "$(user remove typed 2>/dev/null; typed "$word" 'another password' | tr -d '\r'; grep -c '^typed:' "$T/web-users")" 'Password: *Again: *two different passwords*0'
for role in viewer reader operator admin; do
    echo "$word" | user add $role --role $role 2>/dev/null
done
declare -A token
for role in metrics viewer reader operator admin; do
    token[$role]=$(user token t-$role --role $role --expires 90d 2>/dev/null)
done
bound=$(user token bound --role reader --tenants fabrikam --expires never 2>/dev/null)
is 'a token is printed once, and not kept' "$(grep -c "$bound" "$T/web-users"; user list --csv | grep '^bound,')" '0*bound,reader,fabrikam,token,*'
many=
for i in 1 2 3 4 5 6; do
    user token "many-$i" --role reader --expires 1d >/dev/null 2>&1 &
    many="$many $!"
done
# shellcheck disable=SC2086 # numbers
wait $many
is 'several who change the file at a time lose nothing' "$(user list --csv | grep -c '^many-')" 6
start web || { cat "$T/web.log"; exit 1; }

# ask TARGET [OPTION...]: headers and body; code: the status.
ask() { local target=$1; shift; curl -sS -i --max-time 100 --unix-socket "$T/run/web.sock" "$@" "http://localhost:8080$target" 2>&1; }
code() { ask "$@" -o /dev/null -w '%{http_code}'; }
bearer() { printf 'Authorization: Bearer %s' "$1"; }

# ---- each role at each path ----
# The rows of the table: PATH LEAST REACH CHANGES.
sed -n 's/^    ROUTE("\([^"]*\)", ROLE_\([A-Z]*\), REACH_\([A-Z]*\),\(.*\)/\1 \2 \3 \4/p' web/routes.c >"$T/routes"
is 'the table has rows' "$(wc -l <"$T/routes")" '[2-9][0-9]'
rank() { case ${1,,} in anybody) echo 0 ;; metrics) echo 1 ;; viewer) echo 2 ;; reader) echo 3 ;; operator) echo 4 ;; admin) echo 5 ;; esac; }
while read -r path least reach rest; do
    case $path in */) target=${path}x ;; */mailboxes) target="$path?q=anna" ;; */explain) target="$path?user=anna@contoso.example" ;; *) target=$path ;; esac
    case $rest in *'.changes = true'*) method=(-X POST -d '{}' -H 'Content-Type: text/plain') allowed='400|415' ;; *) method=(-I) allowed='200|400|404|503' ;; esac
    [ "$path" != /events ] || method=(--max-time 1)
    got=
    for role in anybody metrics viewer reader operator admin; do
        who=()
        [ $role = anybody ] || who=(-H "$(bearer "${token[$role]}")")
        status_is=$(code "$target" "${method[@]}" "${who[@]}" 2>/dev/null | tail -c 3)
        if [ "$(rank $role)" -ge "$(rank "$least")" ]; then
            [[ $status_is =~ ^($allowed)$ ]] || got="$got $role:$status_is"
        elif [ $role = anybody ]; then
            [ "$status_is" = 401 ] || got="$got nobody:$status_is"
        else
            [ "$status_is" = 403 ] || got="$got $role:$status_is"
        fi
    done
    status_is=$(code "$target" "${method[@]}" -H "$(bearer "$bound")" 2>/dev/null | tail -c 3)
    [ "$(rank reader)" -ge "$(rank "$least")" ] || reach='none of them' # what the role may not have, whosever it is
    case $reach in NONE | none*) [ "$status_is" = 403 ] || got="$got bound:$status_is" ;; *) [[ $status_is =~ ^($allowed)$ ]] || got="$got bound:$status_is" ;; esac
    is "$path is for $least and those above, of some tenants: $reach" "$got" ''
done <"$T/routes"
is 'a path that is none is not found, whoever asks' "$(code /etc/passwd) $(code /api/v1/none -H "$(bearer "${token[admin]}")")" '404 404'

# ---- tenants, and those who see only counts ----
get() { curl -sS --max-time 100 --unix-socket "$T/run/web.sock" -H "$(bearer "${2:-$bound}")" "http://localhost/api/v1/$1" 2>&1; }
is 'who is bound to a tenant finds its mailboxes only' "$(get 'mailboxes?q=anna' | jq -r '.data[].mailbox')" anna@fabrikam.example
is 'may ask for one of them' "$(get mailboxes/anna@fabrikam.example | jq -r .data.tenant)" fabrikam
is 'and not for one of another' "$(get mailboxes/anna@contoso.example; get mailboxes/Anna%20of%20contoso; get mailboxes/nobody@contoso.example)" '*nothing of that name*nothing of that name*nothing of that name*'
becomes 'sees its decisions only' "get log | jq -r '[.data[].login] | unique | join(\" \")'" anna@fabrikam.example
is 'as a stream, too' "$(ask '/api/v1/log?format=csv' -H "$(bearer "$bound")" | grep -o 'anna@[a-z]*' | sort -u)" anna@fabrikam
is 'its rows of reports' "$(get reports/enabled | jq -r '[.data[].mailbox] | join(" ")')" anna@fabrikam.example
is 'no script of a report, and nothing that tells no tenants apart' "$(code '/api/v1/reports/disabled?format=powershell' -H "$(bearer "$bound")") $(code /api/v1/audit -H "$(bearer "$bound")") $(code /api/v1/config -H "$(bearer "$bound")")" '40[03] 403 403'
is 'who sees all sees both' "$(get reports/enabled "${token[reader]}" | jq -r '[.data[].mailbox] | sort | join(" ")')" 'anna@contoso.example anna@fabrikam.example'
is 'changes and runs are of its tenant' "$(for path in changes runs; do get $path | jq -r '[.data[].tenant] | unique | join(" ")'; done | tr '\n' ' ')" 'fabrikam fabrikam '
is 'a viewer sees how much' "$(get overview "${token[viewer]}" | jq -r '"\(.data.status.tenants | length) \(.data.status.verdicts | length > 0) \(.data.rates.step_s)"')" '2 true 5'
is 'and nobody of whom it is' "$(get overview "${token[viewer]}" | grep -c '@\|192\.0\.2\|top_\|changes')" 0
is 'though a reader does' "$(get overview "${token[reader]}" | grep -c 'anna@contoso.example')" '[1-9]*'

# ---- a session ----
json='Content-Type: application/json'
login() { ask /api/v1/login -H "$json" -d "{\"name\": \"$1\", \"password\": \"$2\"}" "${@:3}"; }
cookie() { sed -n 's/^Set-Cookie: \([^;]*\);.*/\1/p' | tr -d '\r'; }
login anna "$word" >"$T/in"
is 'the right password begins a session' "$(head -n 1 "$T/in"; tail -n 1 "$T/in")" 'HTTP/1.1 200*"anna"*"admin"*"proof"*'
is 'its cookie is for localhost and this port, for HTTP alone' "$(grep -i '^set-cookie' "$T/in" | tr -d '\r')" 'Set-Cookie: postern-8080=[0-9a-f]*[0-9a-f]; Path=/; HttpOnly; SameSite=Strict'
session=$(cookie <"$T/in")
proof=$(tail -n 1 "$T/in" | jq -r .data.proof)
is 'with it one is somebody' "$(ask /api/v1/me -b "$session" | tail -n 1 | jq -r '"\(.data.name) \(.data.role) \(.data.tenants)"')" 'anna admin null'
is 'what the file keeps of it is no cookie' "$(code /api/v1/me -b "postern-8080=$(printf %s "${session#*=}" | sha256sum | cut -d ' ' -f 1)")" 401
is 'at another port it is none' "$(code /api/v1/me -b "${session/8080/8081}")" 401
is 'two of that name are none' "$(code /api/v1/me -b "$session; $session")" 401
is 'nor is it one with a token' "$(code /api/v1/me -b "$session" -H "$(bearer "${token[admin]}")")" 400
is 'a page of another port has nothing of it' "$(code /api/v1/me -b "$session" -H 'Sec-Fetch-Site: same-site') $(code /api/v1/me -b "$session" -H 'Sec-Fetch-Site: cross-site') $(code /api/v1/me -b "$session" -H 'Sec-Fetch-Site: same-origin')" '401 401 200'
fixed="postern-8080=$(printf '%064d' 7)"
login anna "$word" -b "$fixed" >"$T/in2"
is 'a cookie that was planted is not taken' "$(cookie <"$T/in2" | grep -cx "$fixed"; code /api/v1/me -b "$fixed")" '0*401'
session2=$(cookie <"$T/in2")
login anna "$word" -b "$session2" >"$T/in3"
is 'another sign-in ends the session before, and makes a new one' "$(code /api/v1/me -b "$session2") $(code /api/v1/me -b "$(cookie <"$T/in3")")" '401 200'
is 'there is no cookie over plain HTTP to another name' "$(login anna "$word" -H 'Host: relay.contoso.example' | head -n 1)" 'HTTP/1.1 403*'
login anna "$word" -H 'Host: relay.contoso.example' -H "X-Postern-Proxy: $secret" -H 'X-Forwarded-Proto: https' >"$T/in4"
is 'over HTTPS it is for this host, and secure' "$(grep -i '^set-cookie' "$T/in4" | tr -d '\r')" 'Set-Cookie: __Host-postern=*; Path=/; HttpOnly; SameSite=Strict; Secure'
is 'a page of the same name without HTTPS is of another origin' "$(login anna "$word" -H 'Host: relay.contoso.example' -H "X-Postern-Proxy: $secret" -H 'X-Forwarded-Proto: https' -H 'Origin: http://relay.contoso.example' | head -n 1)" 'HTTP/1.1 403*'
is 'and is taken there' "$(code /api/v1/me -b "$(cookie <"$T/in4")" -H 'Host: relay.contoso.example' -H "X-Postern-Proxy: $secret" -H 'X-Forwarded-Proto: https') $(code /api/v1/me -b "$(cookie <"$T/in4")")" '200 401'

# ---- changes from elsewhere ----
out() { code /api/v1/logout -b "$session" -d '{}' "$@"; }
ours=(-H "$json" -H "X-Postern-Proof: $proof")
is 'a change needs JSON, as no form of another page can send it' "$(out -H "X-Postern-Proof: $proof") $(out -H "X-Postern-Proof: $proof" -H 'Content-Type: text/plain')" '415 415'
is 'the proof' "$(out -H "$json") $(out -H "$json" -H 'X-Postern-Proof: 0')" '403 403'
is 'and a page of ours' "$(out "${ours[@]}" -H 'Origin: https://fabrikam.example') $(out "${ours[@]}" -H 'Origin: http://localhost:3000') $(out "${ours[@]}" -H 'Origin: null')" '403 403 403'
is 'whatever the browser says of where it comes from' "$(out "${ours[@]}" -H 'Sec-Fetch-Site: cross-site') $(out "${ours[@]}" -H 'Sec-Fetch-Site: same-site')" '401 401'
is 'a sign-in from elsewhere is none either' "$(login anna "$word" -H 'Origin: https://fabrikam.example' | head -n 1)" 'HTTP/1.1 403*'
is 'it was not by GET' "$(code /api/v1/logout -b "$session")" 405
is 'none of them ended the session' "$(code /api/v1/me -b "$session")" 200
is 'a page of ours does' "$(out "${ours[@]}" -H 'Origin: http://localhost:8080' -H 'Sec-Fetch-Site: same-origin') $(code /api/v1/me -b "$session")" '200 401'

# ---- the file changes ----
login reader "$word" >"$T/in"
session=$(cookie <"$T/in")
(timeout 300 curl -sSN --unix-socket "$T/run/web.sock" -b "$session" http://localhost:8080/events >"$T/events" 2>&1) &
events=$!
becomes 'a reader looks on' 'head -n 1 "$T/events"' 'retry: 5000'
echo "$word" | user add reader --role viewer 2>/dev/null
is 'another role ends the sessions of an account' "$(code /api/v1/me -b "$session")" 401
wait $events
is 'and its stream of events' $? 0
session=$(login reader "$word" | cookie)
is 'it signs in as what it is now' "$(ask /api/v1/me -b "$session" | tail -n 1 | jq -r .data.role)" viewer
user remove reader 2>/dev/null
is 'without its account it is nobody' "$(code /api/v1/me -b "$session") $(login reader "$word" | head -n 1)" '401 HTTP/1.1 401*'
user remove t-operator 2>/dev/null
is 'nor is there a token that was removed' "$(code /api/v1/me -H "$(bearer "${token[operator]}")")" 401
sed -i "s/^\(t-viewer:.*\):[0-9]*$/\1:$(date -d '1 hour ago' +%s)/" "$T/web-users"
is 'or that has expired' "$(code /api/v1/me -H "$(bearer "${token[viewer]}")")" 401
cp -p "$T/web-users" "$T/saved"
echo 'eve:boss:*:x' >>"$T/web-users"
is 'a file that is wrong lets nobody in' "$(code /api/v1/me -H "$(bearer "${token[admin]}")")" 401
becomes 'and the log says where' 'grep -c "web-users:[0-9]*: .boss. is no role" "$T/web.log"' 1
cat "$T/saved" >"$T/web-users"
chmod 644 "$T/web-users"
is 'nor one that others may read' "$(code /api/v1/me -H "$(bearer "${token[admin]}")")" 401
chmod 640 "$T/web-users"
is 'mended, it does again' "$(code /api/v1/me -H "$(bearer "${token[admin]}")")" 200

# ---- a proxy ----
me() { ask /api/v1/me "$@" | tail -n 1 | jq -r 'if .data then "\(.data.name) \(.data.role) \(.data.tenants)" else .error end'; }
right=(-H "X-Postern-Proxy: $secret" -H 'X-Remote-User: berta@contoso.example')
is 'whom the proxy names has the role of the group' "$(me "${right[@]}" -H 'X-Remote-Groups: everybody, postmasters')" 'berta@contoso.example operator null'
is 'the first in the configuration, with its tenants' "$(me "${right[@]}" -H 'X-Remote-Groups: help desk')" 'berta@contoso.example reader \["fabrikam"\]'
is 'without a group of these there is no access' "$(code /api/v1/me "${right[@]}") $(code /api/v1/me "${right[@]}" -H 'X-Remote-Groups: post,masters,help') $(code /healthz "${right[@]}")" '403 403 403'
groups=(-H 'X-Remote-Groups: postmasters')
is 'without the secret, or with another, nothing is believed' "$(code /api/v1/me -H 'X-Remote-User: berta' "${groups[@]}") $(code /api/v1/me -H 'X-Postern-Proxy: x' -H 'X-Remote-User: berta' "${groups[@]}") $(code /api/v1/me "${groups[@]}") $(code /healthz -H 'X-Remote-User: berta')" '403 403 403 403'
is 'not even with a token beside it' "$(code /api/v1/me -H 'X-Remote-User: berta' -H "$(bearer "${token[admin]}")")" 403
is 'a field that comes twice is refused' "$(code /api/v1/me "${right[@]}" -H 'X-Remote-User: anna' "${groups[@]}") $(code /api/v1/me "${right[@]}" "${groups[@]}" -H 'X-Remote-Groups: help desk')" '400 400'
is 'so is a name that is empty or not ASCII' "$(code /api/v1/me -H "X-Postern-Proxy: $secret" -H 'X-Remote-User;' "${groups[@]}") $(code /api/v1/me -H "X-Postern-Proxy: $secret" -H $'X-Remote-User: bj\xc3\xb6rn' "${groups[@]}") $(code /api/v1/me -H "X-Postern-Proxy: $secret" "${groups[@]}")" '403 400 403'
is 'the fields have the names of the configuration and no other' "$(code /api/v1/me -H "X-Postern-Proxy: $secret" -H 'X-Postern-User: berta' -H 'X-Postern-Groups: postmasters')" 401
is 'the log says who was not believed' "$(grep -c 'a request by uid [0-9]* says who asks, as a proxy does, but' "$T/web.log")" '[1-9]*'
for _ in $(seq 60); do code /api/v1/me -H 'X-Remote-User: berta@contoso.example'; echo; done >"$T/codes"
is 'and is not filled by who tries that again and again' "$(sort "$T/codes" | uniq -c | tr -s ' ') $(grep -c 'a request by uid [0-9]* says who asks' "$T/web.log")" ' 60 403 [1-3][0-9]'
is 'the secret is not in it' "$(grep -c $secret "$T/web.log")" 0

# ---- the configuration changes ----
(timeout 300 curl -sSN --unix-socket "$T/run/web.sock" "${right[@]}" "${groups[@]}" http://localhost/events >"$T/events" 2>&1) &
events=$!
becomes 'who came by the proxy looks on' 'head -n 1 "$T/events"' 'retry: 5000'
# reload SED-EXPRESSION: of the configuration; until the log has said so.
reloads=0
reload()
{
    sed -i "$1" "$T/postern.conf"
    kill -USR1 "$web"
    reloads=$((reloads + 1))
    becomes "reload $reloads is logged" 'grep -c "postern-web\[[0-9]*\]: reload: " "$T/web.log"' $reloads
}
new=fedcba9876543210fedcba9876543210
is 'a name that is not in it yet is not served' "$(code /healthz -H 'Host: mx2.contoso.example')" 421
(umask 077; echo $new >"$T/new-secret")
reload 's/"relay.contoso.example"/"relay.contoso.example", "mx2.contoso.example"/; s/secret_file = "[a-z-]*"/secret_file = "new-secret"/; s/X-Remote-User/X-Forwarded-User/; s/"operator"/"reader"/'
is 'reloaded, it is' "$(code /healthz -H 'Host: mx2.contoso.example') $(code /healthz -H 'Host: relay.contoso.example')" '200 200'
wait $events
is 'who came by the proxy is asked for again' $? 0
is 'the secret before is none' "$(code /api/v1/me "${right[@]}" "${groups[@]}")" 403
right=(-H "X-Postern-Proxy: $new" -H 'X-Forwarded-User: berta@contoso.example')
is 'the one of now is, with its fields, and its role' "$(me "${right[@]}" "${groups[@]}")" 'berta@contoso.example reader null'
session=$(login anna "$word" | cookie)
reload 's/"mx2.contoso.example"/"mx2.contoso.example:80"/'
is 'what is wrong changes nothing' "$(grep -c 'reload: .*expected a name without a port.*the settings of web stay as they were' "$T/web.log") $(code /healthz -H 'Host: mx2.contoso.example') $(me "${right[@]}" "${groups[@]}")" '1 200 berta@contoso.example reader null'
chmod 644 "$T/new-secret"
reload 's/"mx2.contoso.example:80"/"mx3.contoso.example"/'
is 'nor does a secret that others may read' "$(code /healthz -H 'Host: mx2.contoso.example') $(code /healthz -H 'Host: mx3.contoso.example') $(me "${right[@]}" "${groups[@]}")" '200 421 berta@contoso.example reader null'
chmod 600 "$T/new-secret"
reload 's/web = {/web = { users = "web-users";/'
is 'mended, it does; sessions go on' "$(code /healthz -H 'Host: mx2.contoso.example') $(code /healthz -H 'Host: mx3.contoso.example') $(code /api/v1/me -b "$session")" '421 200 200'
: >"$T/others"
chmod 640 "$T/others"
reload 's/users = "web-users"/users = "others"/'
is 'with another file of accounts who is not in it is nobody' "$(code /api/v1/me -b "$session") $(code /api/v1/me -H "$(bearer "${token[admin]}")")" '401 401'
reload 's/users = "others"/users = "web-users"/'
is 'and somebody again' "$(code /api/v1/me -H "$(bearer "${token[admin]}")")" 200

# ---- TCP ----
tcp() { curl -sS -o /dev/null -w '%{http_code}' --max-time 100 "http://127.0.0.1:$port$1" "${@:2}" 2>&1; }
is 'over TCP a token has metrics and health' "$(for path in /healthz /readyz /metrics; do tcp $path -H "$(bearer "${token[metrics]}")"; done)" '200200200'
is 'nobody has anything' "$(for path in /healthz /readyz /metrics; do tcp $path; done)" '401401401'
is 'and nothing else is there, whoever asks' "$(for path in /api/v1/me /api/v1/overview /events /; do tcp $path -H "$(bearer "${token[admin]}")"; done; tcp /api/v1/login -H "$json" -d '{}')" '404404404404404'
is 'nor is a proxy believed' "$(tcp /metrics "${right[@]}" "${groups[@]}")" 403

# ---- tries ----
is 'a wrong password and an unknown name get the same' "$(login anna wrong-password | tail -n 1; login nobody wrong-password | tail -n 1; login t-admin wrong-password | tail -n 1)" '{"error": "name or password is wrong"}
{"error": "name or password is wrong"}
{"error": "name or password is wrong"}'
# More than ten, since one is free again after six seconds.
is 'ten a minute fail, then they wait' "$(for _ in $(seq 30); do login anna wrong-password -o /dev/null -w '%{http_code}\n'; done | sort | uniq -c | tr -s ' ' | tr '\n' ',')" '*401,*429,*'
held() { login anna wrong-password >/dev/null; login anna "$word" | grep -i '^retry-after' | tr -d '\r'; }
becomes 'and are told how long' held 'Retry-After: [1-9]*'
is 'what is no JSON is refused' "$(code /api/v1/login -H "$json" -d 'x') $(code /api/v1/login -H "$json" -d '{"name": "anna"}') $(code /api/v1/login -H "$json" -d '{"name": "anna", "password": 1}') $(code /api/v1/login -H "$json" -d '{"name": "a\u0000b", "password": "x"}')" '400 400 400 400'
is 'no password is in the log' "$(grep -c "$word\|wrong-password" "$T/web.log")" 0

for pid in $relay_pids; do kill "$pid"; done
wait
relay_pids=
is 'nothing came out of the sanitizers' "$(cat "$T"/*.log | grep -c 'ERROR: \|runtime error')" 0
exit $status
