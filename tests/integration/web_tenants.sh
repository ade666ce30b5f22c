#!/bin/bash
# A relay of several tenants before postern-web: who is bound to one sees nothing of the others at any path, who sees all can ask for
# one, and both get the same. The matrix has a row for each path of web/routes.c. TAP lines. BUILD=... for another build directory
# than build/asan.
set -u
cd "$(dirname "$0")/../.." || exit 1
. tests/integration/web_lib.sh
cat >"$T/postern.conf" <<CONF
directory = "$T/lib/directory"; state = { file = "$T/lib/state"; entries = 65536; }; journal = "$T/lib/journal";
spool = "$T/lib/spool"; log = { to = "stderr"; }; tls = { required = false; };
tenants = ( { name = "contoso"; domains = ["contoso.example"]; mode = "monitor"; },
            { name = "fabrikam"; domains = ["fabrikam.example"]; mode = "monitor"; } );
connectors = ( { name = "contoso-printers"; networks = ["192.0.2.0/25"]; tenant = "contoso"; mode = "monitor"; },
               { name = "fabrikam-printers"; networks = ["192.0.2.128/25"]; tenant = "fabrikam"; mode = "monitor"; } );
limits = ( { name = "message-rate"; per = "user"; count = "messages"; rate = "30/h"; burst = 3; },
           { name = "watched"; per = "user"; count = "messages"; rate = "1/d"; burst = 1; then = "monitor"; } );
policyd = { listen = "unix:$T/run/policyd.sock"; }; milter = { listen = ""; };
web = { listen = "unix:$T/run/web.sock"; users = "$T/web-users"; action_log = "$T/actions.log"; };
CONF
p() { "$build/postern" -c "$T/postern.conf" "$@"; }
import()
{
    local tenant n=0 name
    for tenant in contoso fabrikam; do
        {
            echo '"Guid","PrimarySmtpAddress","Alias","DisplayName","SmtpClientAuthenticationDisabled"'
            for name in anna bert cleo; do
                n=$((n + 1))
                printf '"0a7d6d2c-0001-4b7e-9d55-%012d","%s@%s.example","%s","%s of %s","%s"\n' $n $name $tenant $name $name $tenant "$1"
            done
            # A name that both have, and one that only the second has, twice.
            printf '"0a7d6d2c-0002-4b7e-9d55-%012d","sales@%s.example","sales","Sales Office","%s"\n' $n $tenant "$1"
            [ $tenant = contoso ] || printf '"0a7d6d2c-0003-4b7e-9d55-%012d","zoe%s@fabrikam.example","zoe%s","Zoe Zander","%s"\n' 1 1 1 "$1" 2 2 2 "$1"
        } >"$T/cas.csv"
        echo '{ "JournalingReportNdrTo": "<>", "MaxRecipientEnvelopeLimit": "500", "SmtpClientAuthenticationDisabled": true }' >"$T/transport.json"
        "$build/postern-mirror" import -c "$T/postern.conf" --tenant $tenant --force "$T/cas.csv" "$T/transport.json" >>"$T/mirror.log" 2>&1 || { cat "$T/mirror.log"; exit 1; }
    done
}
import False
start policyd || exit 1
python3 - "$T/run/policyd.sock" <<'PY' || exit 1
import socket, sys
n = 0
def submit(login, client):
    global n
    n += 1
    s = socket.socket(socket.AF_UNIX)
    s.connect(sys.argv[1])
    for state in ("RCPT", "END-OF-MESSAGE"):
        s.sendall((f"request=smtpd_access_policy\nprotocol_state={state}\ninstance={n}.1\n" +
                   (f"sasl_method=PLAIN\nsasl_username={login}\n" if login else "") +
                   f"sender={login or 'scans@' + client}\nrecipient=guest@adatum.example\nrecipient_count=1\nsize=1000\n"
                   f"client_address={client}\n\n").encode())
        s.recv(4096)
for tenant, net, printer in (("contoso", "203.0.113", "192.0.2.1"), ("fabrikam", "198.51.100", "192.0.2.129")):
    for name in ("anna", "bert"):
        for i in range(6):
            submit(f"{name}@{tenant}.example", f"{net}.{i + 1}")
    submit(f"nobody@{tenant}.example", f"{net}.9")
    submit("", printer)
PY
import True
for tenant in contoso fabrikam; do
    p block user "cleo@$tenant.example" --for 1h --reason "$tenant" >/dev/null
    p block connector "$tenant-printers" --for 1h --reason "$tenant" >/dev/null
done
p block client 198.51.100.77 --for 1h >/dev/null
token_of() { p web-user token "$1" --expires 1d "${@:2}" 2>/dev/null; }
all=$(token_of all --role reader)
viewer=$(token_of viewer --role viewer)
bound=$(token_of bound --role reader --tenants contoso)
both=$(token_of both --role reader --tenants contoso,fabrikam)
other=$(token_of other --role reader --tenants fabrikam)
start web || exit 1
# get TOKEN PATH [OPTION...]
get() { curl -sS -H "Authorization: Bearer $1" --max-time 100 --unix-socket "$T/run/web.sock" "${@:3}" "http://localhost$2" 2>&1; }
code() { get "$1" "$2" -o /dev/null -w '%{http_code}' -m 5; }
with() { case $1 in *\?*) echo "$1&$2" ;; *) echo "$1?$2" ;; esac; }

becomes 'the journal has what was decided' "get '$all' '/api/v1/log?rows=1000' | jq '.data | length >= 26'" true

# What somebody gets who sees all; who is bound to contoso; who sees all and asks for contoso alone; who sees counts. A path, and
# whether contoso must be in what the second and third get.
matrix="
/api/v1/me                              200 200 200 200 -
/api/v1/overview                        200 200 200 200 contoso
/api/v1/mode                            200 200 200 200 contoso
/api/v1/networks                        200 200 200 403 contoso
/api/v1/rates                           200 403 400 200 -
/api/v1/status                          200 200 200 403 contoso
/api/v1/cluster                         200 403 400 403 -
/api/v1/blocks                          200 200 200 403 contoso
/api/v1/blocks/ended                    200 200 200 403 -
/api/v1/mailboxes?q=anna                200 200 200 403 contoso
/api/v1/mailboxes/anna@contoso.example  200 200 200 403 contoso
/api/v1/mailboxes/anna@fabrikam.example 200 404 404 403 -
/api/v1/mailboxes/nobody@contoso.example 200 404 404 403 -
/api/v1/connectors                      200 200 200 403 contoso
/api/v1/explain?user=anna@contoso.example 200 403 200 403 contoso
/api/v1/explain?user=anna@fabrikam.example 200 403 404 403 -
/api/v1/explain?client=192.0.2.129      200 403 404 403 -
/api/v1/log                             200 200 200 403 contoso
/api/v1/log?user=anna@fabrikam.example  200 200 200 403 -
/api/v1/changes                         200 200 200 403 contoso
/api/v1/runs                            200 200 200 403 contoso
/api/v1/reports                         200 200 400 403 -
/api/v1/reports/enabled                 200 200 200 403 -
/api/v1/reports/disabled                200 200 200 403 contoso
/api/v1/reports/inherited               200 200 200 403 -
/api/v1/reports/used                    200 200 200 403 contoso
/api/v1/reports/unused?days=1           200 200 200 403 -
/api/v1/reports/refused                 200 200 200 403 -
/api/v1/reports/basic                   200 200 200 403 contoso
/api/v1/reports/legacy-tls              200 200 200 403 contoso
/api/v1/reports/new-networks            200 200 200 403 contoso
/api/v1/reports/habits                  200 200 200 403 -
/api/v1/reports/would-refuse            200 200 200 403 contoso
/api/v1/audit                           200 403 400 403 -
/api/v1/check-postfix                   200 403 400 403 -
/api/v1/verbs                           200 200 400 403 -
/api/v1/actions                         200 200 200 403 -
/api/v1/actions/0000000000000000        404 404 404 403 -
/api/v1/config                          200 403 400 403 -
"
# Nothing of the other tenant: not its name, not where its mail comes from, not its block of a client.
foreign() { grep -ac 'fabrikam\|198\.51\.100\|192\.0\.2\.1[23]' "$1"; }
# What differs by the moment is left out.
plain() { jq -S 'walk(if type == "object" then del(.until, .free_at, .empty_at, .retry_s, .learning_until, .rates)
    elif type == "string" then gsub("[0-9]+m([0-9]+s)?"; "a while") else . end) | .data'; }
while read -r path sees_all is_bound narrowed sees_counts inside; do
    [ -n "$path" ] || continue
    is "$path: all, bound, narrowed, counts" "$(code "$all" "$path") $(code "$bound" "$path") $(code "$all" "$(with "$path" tenant=contoso)") $(code "$viewer" "$path")" \
        "$sees_all $is_bound $narrowed $sees_counts"
    [ "$is_bound" = 200 ] || [ "$narrowed" = 200 ] || continue
    get "$bound" "$path" >"$T/bound"
    get "$all" "$(with "$path" tenant=contoso)" >"$T/narrowed"
    for who in bound narrowed; do
        is "$path: nothing of others for who is $who" "$(foreign "$T/$who")" 0
        [ "$inside" = - ] || [ "$(jq -r '.error // ""' <"$T/$who")" != '' ] ||
            is "$path: but what is contoso's, $who" "$(grep -c "$inside" "$T/$who")" '[1-9]*'
    done
    [ "$is_bound $narrowed" != '200 200' ] || [ "$path" = /api/v1/me ] ||
        is "$path: both get the same" "$(diff <(plain <"$T/bound") <(plain <"$T/narrowed"))" ''
    [ "$path" = /api/v1/me ] || is "$path: who sees counts gets no tenant's" "$(code "$viewer" "$(with "$path" tenant=contoso)")" '40[03]'
done <<<"$matrix"
is 'each path of the program is in the matrix' "$(comm -23 <(sed -n 's|^ *ROUTE("\(/api/v1/[^"]*\)".*|\1|p' web/routes.c | grep -v 'log[inout]*t*"*$' | sort -u) \
    <(echo "$matrix" | sed -n 's|^\(/api/v1/[a-z-]*\(/ended\)\{0,1\}/\{0,1\}\).*|\1|p' | sort -u) | grep -v '^/api/v1/log\(in\|out\)$')" ''
is 'events are for who sees all' "$(code "$bound" /events)" 403

# ---- names that others have, too ----
# said PATH: what is said, and of whom, to who is bound to each of them, and to who sees all and asks for the first.
said() { for who in "$bound" "$other" "$all"; do get "$who" "$([ "$who" = "$all" ] && with "$1" tenant=contoso || echo "$1")" | jq -r '.error // ([.data] | flatten | map(.mailbox) | unique | join(","))'; done | paste -sd ' '; }
sales='sales@contoso.example sales@fabrikam.example sales@contoso.example'
is 'a name that mailboxes of others have, too, is that of the own one' "$(said '/api/v1/mailboxes/Sales%20Office')" "$sales"
is 'in changes, too' "$(said '/api/v1/changes?user=Sales%20Office')" "$sales"
is 'a login that mailboxes of others have, too, is the own one' "$(said /api/v1/mailboxes/anna); $(said '/api/v1/log?user=anna')" 'anna@contoso.example anna@fabrikam.example anna@contoso.example; anna@contoso.example anna@fabrikam.example anna@contoso.example'
for path in '/api/v1/log?user=' '/api/v1/changes?user=' /api/v1/mailboxes/; do
    is "${path}NAME: whether others alone have a name is not told" "$(diff <(get "$bound" "${path}Zoe%20Zander"; get "$all" "$(with "${path}Zoe%20Zander" tenant=contoso)") \
        <(get "$bound" "${path}Zoe%20Zonder"; get "$all" "$(with "${path}Zoe%20Zonder" tenant=contoso)"))" ''
done
is 'of two of their own they are told which' "$(get "$other" '/api/v1/log?user=Zoe%20Zander' | jq -r .error)" '*zoe1@fabrikam.example and zoe2@fabrikam.example: which one*'
p block login anna --reason 'of both' >/dev/null
is "a block of a login that is no single tenant's is for who sees all" "$(get "$bound" /api/v1/mailboxes/anna | jq -c '.data | [.login, (.blocks | length)]') $(get "$all" /api/v1/mailboxes/anna | jq -r '.data.blocks[].reason')" '\["anna@contoso.example",0\] root: of both'
p unblock login anna >/dev/null

# ---- the choice ----
is 'a tenant that there is none of is told' "$(get "$all" '/api/v1/log?tenant=litware' | jq -r .error)" 'tenant: you see none of that name'
is 'in the same words as one that is not for somebody' "$(get "$bound" '/api/v1/log?tenant=fabrikam' | jq -r .error)" 'tenant: you see none of that name'
is 'all of them by a star are no tenant' "$(code "$bound" '/api/v1/log?tenant=*') $(code "$bound" '/api/v1/log?tenant=') $(code "$bound" '/api/v1/log?tenant=contoso,fabrikam')" '400 400 400'
is 'twice is told' "$(code "$bound" '/api/v1/log?tenant=contoso&tenant=fabrikam')" 400
is 'who is bound to several sees them' "$(get "$both" /api/v1/blocks | jq -r '.data | map(.tenant) | sort | unique | join(" ")')" 'contoso fabrikam'
is 'or one of them' "$(get "$both" '/api/v1/blocks?tenant=fabrikam' | jq -r '.data | map(.subject) | sort | join(",")')" 'connector fabrikam-printers,user cleo@fabrikam.example'
is "what is no tenant's is for who sees all" "$(get "$all" /api/v1/blocks | jq -r '.data[] | select(.tenant == null).subject')" 'client 198.51.100.77'
is 'a file is of the one tenant, too' "$(get "$all" '/api/v1/log?format=csv&tenant=contoso' | tee "$T/csv" | wc -l) $(foreign "$T/csv")" '2[0-9] 0'
is 'and for who is bound' "$(get "$bound" '/api/v1/reports/used?format=json' | jq -r 'map(.tenant) | unique | join(" ")')" contoso
is 'a row that is far behind those of others is found' "$(get "$all" '/api/v1/log?rows=1&tenant=contoso' | jq -r '.data[0].tenant')" contoso
is 'the last hour is that of the tenant' "$(get "$bound" /api/v1/overview | jq -r '[.data.rates.actions[] | add] | add') $(get "$all" '/api/v1/overview?tenant=fabrikam' | jq -r '[.data.rates.actions[] | add] | add')" "$(get "$bound" '/api/v1/log?rows=1000' | jq '[.data[].times] | add') $(get "$all" '/api/v1/log?rows=1000&tenant=fabrikam' | jq '[.data[].times] | add')"
is 'so are the tenants, blocks and what is only watched' "$(get "$bound" /api/v1/overview | jq -r '.data | "\(.status.tenants | map(.name) | join(",")) \(.status.blocks) \(.monitored | map(.name) | join(","))"')" 'contoso 2 contoso,contoso-printers,*watched'
is 'who sees counts sees those of all' "$(get "$viewer" /api/v1/overview | jq -r '.data.status | "\(.tenants | length) \(.top_logins)"')" '2 null'
is 'new networks are those that mail was let through from' "$(get "$all" '/api/v1/networks?tenant=contoso' | jq -r '.data[] | "\(.network) \(.messages) \(.logins) \(.last_login)"')" '203.0.112.0/20 1* 3 nobody@contoso.example'
new() { jq -S 'map(del(.first)) | sort_by(.network)'; }
is 'as the command line says' "$(diff <(p report new-networks --json 2>/dev/null | new) <(get "$all" /api/v1/networks | jq .data | new))" ''
sed -i 's/name = "contoso"; domains/name = "contoso"; max_age = "1s"; when_stale = "defer"; domains/; s/name = "fabrikam"; domains/name = "fabrikam"; max_age = "1s"; domains/' "$T/postern.conf"
becomes 'whose settings are older than may be says so, and what becomes of its mail' "get '$all' /api/v1/status | jq -r '.data.tenants | map(\"\(.name)=\(.stale)\") | join(\" \")'" 'contoso=defer fabrikam=keep'
becomes 'on the overview, too' "get '$bound' /api/v1/overview | jq -r '.data.status.tenants | map(\"\(.name)=\(.stale)\") | join(\" \")'" 'contoso=defer'
is 'nothing came out of the sanitizers' "$(cat "$T"/*.log | grep -c 'ERROR: \|runtime error')" 0
exit "$status"
