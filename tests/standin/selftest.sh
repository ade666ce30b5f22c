#!/bin/bash
# Is the stand-in what README says? Driven by curl and by assertions that openssl makes. TAP lines on stdout.
# Optional arguments and $select are meant as they stand.
# shellcheck disable=SC1091,SC2016,SC2119,SC2120
set -u
cd "$(dirname "$0")" || exit 1
. ./standin.sh
standin_start || { echo 'not ok the stand-in starts'; exit 1; }
work=$(mktemp -d "${TMPDIR:-/tmp}/postern-standin-test.XXXXXX")
trap 'standin_stop; rm -rf "$work"' EXIT
status=0

# check NAME WANTED GOT: GOT must be WANTED, or match it as a pattern.
check()
{
    # shellcheck disable=SC2053
    if [[ $3 == "$2" || $3 == $2 ]]; then
        echo "ok $1"
    else
        echo "not ok $1"
        echo "    expected: $2"
        echo "    got:      ${3:0:600}"
        status=1
    fi
}

audience=$STANDIN_URL/$STANDIN_TENANT/oauth2/v2.0/token
invoke=$STANDIN_URL/adminapi/beta/$STANDIN_TENANT/InvokeCommand
graph=$STANDIN_URL/v1.0/policies/identitySecurityDefaultsEnforcementPolicy
contoso=$STANDIN_TENANT
exchange_scope=https://outlook.office365.com/.default
bearer=

fetch() { curl -sS --max-time 10 --cacert "$STANDIN_CA" "$@" 2>&1; }
# json EXPRESSION: d is the document on stdin.
json() { /usr/bin/python3 -c "import json,sys; d=json.load(sys.stdin.buffer); print(($1))" 2>&1; }
# Python on the lines of the record: EXPRESSION over r, the list of requests.
record()
{
    local lines="[x for x in map(json.loads, open('$STANDIN_LOG')) if x['event'] == 'request']"
    /usr/bin/python3 -c "import json; r = $lines; print(($1))" 2>&1
}

# token CURL_ARGUMENT...: asks for a token; SCOPE, CLIENT and TOKEN_URL can be set.
token()
{
    fetch "${TOKEN_URL:-$audience}" -d grant_type=client_credentials -d "client_id=${CLIENT:-$STANDIN_CLIENT_ID}" \
        --data-urlencode "scope=${SCOPE:-$exchange_scope}" "$@"
}
asserted()
{
    token -d client_assertion_type=urn:ietf:params:oauth:client-assertion-type:jwt-bearer \
        --data-urlencode "client_assertion=$1"
}
secret() { token --data-urlencode "client_secret=$(<"$STANDIN_SECRET_FILE")"; }
code() { json 'd["error"], d["error_codes"][0]'; }
sign_in() { bearer=$(secret | json 'd["access_token"]'); }

# cmdlet NAME PARAMETERS CURL_ARGUMENT...: one request; AT can be a nextLink, ANCHOR and SIZE the headers.
cmdlet()
{
    local name=$1 parameters=$2
    shift 2
    fetch "${AT:-$invoke}" -H "Authorization: Bearer $bearer" -H 'Content-Type: application/json' \
        -H "Prefer: odata.maxpagesize=${SIZE:-1000}" -H "X-AnchorMailbox: ${ANCHOR-APP:SystemMailbox@$contoso}" \
        -d "{\"CmdletInput\":{\"CmdletName\":\"$name\",\"Parameters\":$parameters}}" "$@"
}
property=SmtpClientAuthenticationDisabled
all='{"ResultSize":"Unlimited"}'
cas() { cmdlet Get-CASMailbox "$all" "$@"; }
# status CMDLET PARAMETERS: the HTTP status only.
status_of() { cmdlet "$@" -o /dev/null -w '%{http_code}'; }
http_code() { cas -o /dev/null -w '%{http_code}' "$@"; }
# series NAME: all pages of a cmdlet to $work/rows (one JSON a line); prints "pages rows".
series()
{
    local link=$invoke pages=0
    : >"$work/rows"
    while [ -n "$link" ] && [ $pages -lt 50 ]; do
        AT=$link cmdlet "$1" "$all" >"$work/page"
        json '"\n".join(json.dumps(x) for x in d["value"])' <"$work/page" >>"$work/rows"
        link=$(json 'd.get("@odata.nextLink","")' <"$work/page")
        pages=$((pages + 1))
    done
    echo "$pages $(grep -c . "$work/rows")"
}
faulty() { standin_scenario "{\"faults\":[$1]}"; }
tenant() { standin_scenario "{\"gzip\":false,\"tenants\":{\"$contoso\":$1}}"; }

sign_in_tests()
{
    local alg jwt now header claims
    for alg in PS256 RS256; do
        jwt=$(standin_jwt $alg "$STANDIN_CLIENT_KEY" "$STANDIN_CLIENT_CERT" "$audience")
        check "$alg signs in" "('Bearer', 3599)" "$(asserted "$jwt" | json 'd["token_type"], d["expires_in"]')"
        check "$alg: the same assertion again is refused" '*50013*' "$(asserted "$jwt" | code)"
    done
    jwt=$(standin_jwt PS256 "$STANDIN_OTHER_KEY" "$STANDIN_OTHER_CERT" "$audience")
    check 'a certificate that is not registered' "('invalid_client', 700027)" "$(asserted "$jwt" | code)"
    jwt=$(standin_jwt PS256 "$STANDIN_OTHER_KEY" "$STANDIN_CLIENT_CERT" "$audience")
    check 'the wrong key' "('invalid_client', 700027)" "$(asserted "$jwt" | code)"
    jwt=$(standin_jwt PS256 "$STANDIN_CLIENT_KEY" "$STANDIN_CLIENT_CERT" https://elsewhere.example/token)
    check 'the wrong audience' "('invalid_client', 700023)" "$(asserted "$jwt" | code)"
    jwt=$(standin_jwt PS256 "$STANDIN_CLIENT_KEY" "$STANDIN_CLIENT_CERT" "$audience" -600)
    check 'an assertion that has ended' "('invalid_client', 700024)" "$(asserted "$jwt" | code)"
    jwt=$(standin_jwt PS256 "$STANDIN_CLIENT_KEY" "$STANDIN_CLIENT_CERT" "$audience" 3600)
    check 'an assertion for too long' "('invalid_client', 700024)" "$(asserted "$jwt" | code)"
    jwt=$(standin_jwt PS256 "$STANDIN_CLIENT_KEY" "$STANDIN_CLIENT_CERT" "$audience" 300 "" other-client)
    check 'another issuer' "('invalid_client', 700021)" "$(asserted "$jwt" | code)"
    jwt=$(standin_jwt RS256 "$STANDIN_CLIENT_KEY" "$STANDIN_CLIENT_CERT" "$audience")
    check 'an assertion with a changed signature' '*50013*' "$(asserted "$jwt=" | code)"
    now=$(date +%s)
    header="{\"alg\":\"RS256\",\"typ\":\"JWT\",\"x5t\":\"$(standin_thumbprint "$STANDIN_CLIENT_CERT" sha1)\"}"
    claims="{\"aud\":\"$audience\",\"iss\":\"$STANDIN_CLIENT_ID\",\"sub\":\"$STANDIN_CLIENT_ID\",\"jti\":\"sha1\""
    claims="$claims,\"nbf\":$now,\"iat\":$now,\"exp\":$((now + 300))}"
    jwt=$(standin_sign RS256 "$STANDIN_CLIENT_KEY" "$header" "$claims")
    check 'x5t of SHA-1 will do' Bearer "$(asserted "$jwt" | json 'd["token_type"]')"
    header="\"typ\":\"JWT\",\"x5t#S256\":\"$(standin_thumbprint "$STANDIN_CLIENT_CERT")\"}"
    jwt=$(standin_sign RS256 "$STANDIN_CLIENT_KEY" "{\"alg\":\"none\",$header" '{}')
    check 'alg none' "('invalid_client', 5002723)" "$(asserted "$jwt" | code)"
    jwt=$(standin_sign PS256 "$STANDIN_CLIENT_KEY" "{\"alg\":\"RS256\",$header" '{}')
    check 'PS256 that says RS256' "('invalid_client', 700027)" "$(asserted "$jwt" | code)"

    check 'a federated token signs in' Bearer "$(asserted "$(<"$STANDIN_FEDERATED_FILE")" | json 'd["token_type"]')"
    standin_federated -1000
    check 'a federated token that has ended' "('invalid_client', 700024)" \
        "$(asserted "$(<"$STANDIN_FEDERATED_FILE")" | code)"

    check 'the secret signs in' Bearer "$(secret | json 'd["token_type"]')"
    check 'a wrong secret' "('invalid_client', 7000215)" "$(token -d client_secret=wrong | code)"
    check 'a wrong client' "('unauthorized_client', 700016)" "$(CLIENT=nobody secret | code)"
    check 'a malformed scope' "('invalid_scope', 70011)" "$(SCOPE=outlook secret | code)"
    check 'an unknown resource' "('invalid_resource', 500011)" \
        "$(SCOPE=https://fabrikam.example/.default secret | code)"
    check 'an unknown tenant' "('invalid_request', 90002)" \
        "$(TOKEN_URL=$STANDIN_URL/nobody.example/oauth2/v2.0/token secret | code)"
    check 'a tenant by its domain' Bearer \
        "$(TOKEN_URL=$STANDIN_URL/contoso.example/oauth2/v2.0/token secret | json 'd["token_type"]')"
    check 'the record holds no secret' nothing \
        "$(grep -qF "$(<"$STANDIN_SECRET_FILE")" "$STANDIN_LOG" || echo nothing)"
    standin_scenario '{"clock_skew":3600}'
    jwt=$(standin_jwt PS256 "$STANDIN_CLIENT_KEY" "$STANDIN_CLIENT_CERT" "$audience")
    check "a clock that is behind the service's" "('invalid_client', 700024)" "$(asserted "$jwt" | code)"
    standin_scenario '{"registered":["other.pem"]}'
    jwt=$(standin_jwt PS256 "$STANDIN_OTHER_KEY" "$STANDIN_OTHER_CERT" "$audience")
    check 'the scenario says which certificate is registered' Bearer "$(asserted "$jwt" | json 'd["token_type"]')"
    for now in 7000222:invalid_client 50196:invalid_grant 90055:temporarily_unavailable 53003:invalid_grant; do
        faulty "{\"name\":\"token_error\",\"code\":${now%:*},\"times\":1}"
        check "token_error ${now%:*}" "('${now#*:}', ${now%:*})" "$(secret | code)"
        check "token_error ${now%:*}, once" Bearer "$(secret | json 'd["token_type"]')"
    done
}

# sign_ins [FILTER [TOP [VERSION]]]: a page of auditLogs/signIns; AT can be a nextLink.
sign_ins()
{
    local where=(-G --data-urlencode "\$filter=$1" -d "\$top=${2:-1000}" "$STANDIN_URL/${3:-beta}/auditLogs/signIns")
    [ -z "${AT:-}" ] || where=("$AT")
    fetch -H "Authorization: Bearer $bearer" "${where[@]}"
}
audit_log_tests()
{
    local all="signInEventTypes/any(t: t eq 'interactiveUser' or t eq 'nonInteractiveUser')" page
    audited() { standin_scenario "{\"tenants\":{\"$contoso\":{\"sign_ins\":{$1}}}${2:+,$2}}"; }
    audited "\"base\":$(date +%s),"'"count":20,"failed":4,"rows":[{"ago":5,"app":"Browser","type":"interactiveUser"},{"ago":60,"late":30,"id":"late"},
        {"ago":60,"late":86400,"id":"later"}]'
    check 'sign-ins, the newest first, interactive ones alone' "True" \
        "$(sign_ins '' | json '[x["createdDateTime"] for x in d["value"]] == sorted((x["createdDateTime"] for x in d["value"]), reverse=True) and len(d["value"]) == 11')"
    check 'v1.0 knows no other kinds' 400 "$(sign_ins "$all" 10 v1.0 -o /dev/null | json 'd["error"]["code"]' | sed 's/BadRequest/400/')"
    check 'of both kinds, by client' 20 "$(sign_ins "clientAppUsed eq 'Authenticated SMTP' and $all" | json 'len([x for x in d["value"] if x["id"] != "late"])')"
    check 'those that failed' '5 5' "$(sign_ins "status/errorCode ne 0 and $all" | json 'str(len(d["value"])) + " " + str(sum(x["status"]["errorCode"] == 50126 for x in d["value"]))')"
    check 'a clause that Graph does not know' BadRequest "$(sign_ins "createdDateTime gt 2026-01-01T00:00:00Z" | json 'd["error"]["code"]')"
    page=$(sign_ins "status/errorCode eq 0 and $all" 10)
    check 'ten on a page' 10 "$(json 'len(d["value"])' <<<"$page")"
    check 'and the others on the next' True "$(AT=$(json 'd["@odata.nextLink"]' <<<"$page") sign_ins x | json 'len(d["value"]) > 5 and "@odata.nextLink" not in d')"
    check 'one shows up late, and another later' 'late' "$(sign_ins "$all" | json '" ".join(x["id"] for x in d["value"] if x["id"].startswith("late"))')"
    audited '"count":5' '"audit_role":false'
    check 'without the permission' Authentication_MSGraphPermissionMissing "$(sign_ins '' | json 'd["error"]["code"]')"
    audited '"count":5' '"premium":false'
    check 'without the licence' Authentication_RequestFromNonPremiumTenantOrB2CTenant "$(sign_ins '' | json 'd["error"]["code"]')"
    audited '"count":5' '"throttle":[1,60]'
    check 'throttled' TooManyRequests "$(sign_ins '' >/dev/null; sign_ins '' | json 'd["error"]["code"]')"
    audited '"count":5,"colour":1'
    check 'a member that it does not know' Scenario "$(sign_ins '' | json 'd["error"]["code"]')"
}
ask_graph() { fetch -H "Authorization: Bearer $bearer" "$graph" "$@"; }

token_use_tests()
{
    standin_scenario '{}'
    sign_in
    check 'a token opens Exchange' 200 "$(http_code)"
    check 'a token of another tenant' 401 "$(AT=${invoke/$contoso/$STANDIN_TENANT_2} http_code)"
    check 'a token does not open Graph' 401 "$(ask_graph -o /dev/null -w '%{http_code}')"
    check 'no token' 401 "$(bearer='' http_code)"
    check 'a changed token' 401 "$(bearer=${bearer}x http_code)"
    standin_scenario '{"token_lifetime":1}'
    sign_in
    sleep 1.1
    check 'a token ends' 401 "$(http_code)"
    standin_scenario '{"app_role":false}'
    sign_in
    check 'without the application role: 401' 401 "$(http_code)"
    standin_scenario '{"directory_role":false}'
    sign_in
    check 'without the directory role: 403' 403 "$(http_code)"
    cas >"$work/nul"
    check 'and a body of NUL bytes' '512 0' "$(wc -c <"$work/nul") $(tr -d '\0' <"$work/nul" | wc -c)"
    standin_scenario "{\"tenants\":{\"$contoso\":{\"security_defaults\":true}}}"
    bearer=$(SCOPE=https://graph.microsoft.com/.default secret | json 'd["access_token"]')
    check 'Graph tells of security defaults' True "$(ask_graph | json 'd["isEnabled"]')"
    standin_scenario '{"graph_role":false}'
    check 'Graph without the permission' 403 "$(ask_graph -o /dev/null -w '%{http_code}')"
    audit_log_tests
    standin_scenario '{}'
    sign_in
}

reading_tests()
{
    local link name
    check 'ten samples on one page' '1 10' "$(series Get-CASMailbox)"
    check 'pages of three' '4 10' "$(SIZE=3 series Get-CASMailbox)"
    check 'each mailbox once' 10 "$(sort -u "$work/rows" | grep -c Guid)"
    check 'settings of the samples' '3 3 4' \
        "$(for name in true false null; do grep -c "\"$property\": $name" "$work/rows"; done | xargs)"
    SIZE=4 cas >"$work/page"
    check 'a page with a link warns' '1' "$(json 'len(d["@adminapi.warnings"])' <"$work/page")"
    link=$(json 'd["@odata.nextLink"]' <"$work/page")
    check 'a link works with the same request' 200 "$(AT=$link SIZE=4 http_code)"
    check 'a link wants the same anchor' 400 "$(AT=$link SIZE=4 ANCHOR=other http_code)"
    check 'a link wants the same page size' 400 "$(AT=$link SIZE=5 http_code)"
    check 'a link wants the same body' 400 "$(AT=$link SIZE=4 status_of Get-Mailbox "$all")"
    check 'a changed link' 400 "$(AT=${link}0 SIZE=4 http_code)"
    link=$(SIZE=4 ANCHOR='' cas | json 'd["@odata.nextLink"]')
    check 'a series without anchor expires at once' \
        '*Expired or Invalid pagination request*' "$(AT=$link SIZE=4 ANCHOR='' cas)"
    check 'ResultSize cuts off with a warning and no link' '(3, 1, False)' \
        "$(cmdlet Get-CASMailbox '{"ResultSize":3}' |
            json 'len(d["value"]), len(d["@adminapi.warnings"]), "@odata.nextLink" in d')"
    check 'one mailbox by address' "['9be40003-81d4-4c02-b6e7-77aa55cc3303']" \
        "$(cmdlet Get-CASMailbox '{"Identity":"ERP@contoso.example"}' | json '[x["Identity"] for x in d["value"]]')"
    check 'nobody is not found' 404 "$(status_of Get-CASMailbox '{"Identity":"x@contoso.example"}')"
    check 'null is everybody' 10 "$(cmdlet Get-CASMailbox '{"Identity":null}' | json 'len(d["value"])')"
    check 'Parameters must be an object' 400 "$(status_of Get-CASMailbox null)"
    check 'an unknown cmdlet' 403 "$(status_of Get-Everything '{}')"
    check 'v1.0 is not for InvokeCommand' 405 "$(AT=${invoke/beta/v1.0} http_code)"
    check '$select limits the fields' "['SmtpClientAuthenticationDisabled']" \
        "$(AT="$invoke?\$select=SmtpClientAuthenticationDisabled" cas | json 'list(d["value"][0])')"
    for name in TransportConfig Mailbox User RecipientPermission AcceptedDomain AuthenticationPolicy \
        OrganizationConfig HostedOutboundSpamFilterPolicy; do
        check "Get-$name has rows" True "$(cmdlet "Get-$name" "$all" | json 'len(d["value"]) > 0')"
    done
    check 'nobody is restricted' 0 "$(cmdlet Get-BlockedSenderAddress '{}' | json 'len(d["value"])')"
    check 'EXOModuleFile names the cmdlets' '*Get-CASMailbox*' \
        "$(fetch -H "Authorization: Bearer $bearer" -H 'CommandName: *' \
            "$STANDIN_URL/AdminApi/v1.0/$contoso/EXOModuleFile?Version=3.9.2" |
            json 'd["value"][0]["exportedCmdlets"]')"
}

tenant_tests()
{
    local disabled='[x["'$property'"] for x in d["value"]]'
    tenant '{"mailboxes":2345}'
    check 'a made-up tenant' '3 2345' "$(series Get-CASMailbox)"
    check 'one of them by its other name' "('00000928-3c5e-4b7a-9d21-000000010000', 'user0002344')" \
        "$(cmdlet Get-Mailbox '{"Identity":"upn0002344@contoso.example"}' |
            json 'd["value"][0]["Guid"], d["value"][0]["Alias"]')"
    check 'send-as rows' '3 2345' "$(series Get-RecipientPermission)"
    tenant '{"mailboxes":100,"keep":0.5}'
    check 'it shrinks by half' '1 50' "$(series Get-Mailbox)"
    tenant '{"mailboxes":0}'
    check 'it is empty' '1 0' "$(series Get-CASMailbox)"
    tenant '{"mailboxes":10,"all":false}'
    check 'all enabled' '{False}' "$(cas | json "set($disabled)")"
    tenant "{\"mailboxes\":10,\"remove\":[1,2],\"changes\":[{\"mailbox\":3,\"set\":{\"$property\":false}},
        {\"mailbox\":\"user0000000@contoso.example\",\"unset\":[\"$property\"]}]}"
    check 'one changed, one without, two gone' "('absent', False, 8)" \
        "$(cas | json "d['value'][0].get('$property', 'absent'), d['value'][1]['$property'], len(d['value'])")"
    tenant "{\"patch\":{\"Get-TransportConfig\":{\"$property\":false}},\"forbidden\":[\"Get-RecipientPermission\"],
        \"rows\":{\"Get-BlockedSenderAddress\":[{\"SenderAddress\":\"x@contoso.example\"}]}}"
    check 'the tenant switch' '[False]' "$(cmdlet Get-TransportConfig '{}' | json "$disabled")"
    check 'rows given' 1 "$(cmdlet Get-BlockedSenderAddress '{}' | json 'len(d["value"])')"
    check 'one cmdlet forbidden' 403 "$(status_of Get-RecipientPermission "$all")"
    standin_scenario "{\"tenants\":{\"$contoso\":{\"data_of\":\"$STANDIN_TENANT_2\"},
        \"$STANDIN_TENANT_2\":{\"domain\":\"fabrikam.example\",\"mailboxes\":5,\"seed\":2}}}"
    check "another tenant's data" "('user0000000@fabrikam.example', True)" \
        "$(cas | json "d['value'][0]['PrimarySmtpAddress'], '$STANDIN_TENANT_2' in d['@odata.context']")"
    standin_scenario '{}'
    local now
    for now in true null false; do
        check "Set-CASMailbox $now" 200 \
            "$(status_of Set-CASMailbox "{\"Identity\":\"o'neil@contoso.example\",\"$property\":$now}")"
    done
    check 'Set-CASMailbox is seen' '[False]' \
        "$(cmdlet Get-CASMailbox "{\"Identity\":\"o'neil@contoso.example\"}" | json "$disabled")"
    check 'and recorded' "{'mailbox': \"o'neil@contoso.example\", 'was': None, 'now': False}" \
        "$(record '[x for x in r if x.get("write")][-1]["write"]')"
    check 'Set-CASMailbox with text' 400 \
        "$(status_of Set-CASMailbox "{\"Identity\":\"info@contoso.example\",\"$property\":\"yes\"}")"
    check 'Set-CASMailbox for nobody' 404 "$(status_of Set-CASMailbox "{\"Identity\":\"x\",\"$property\":true}")"
    check 'Set-TransportConfig' 200 "$(status_of Set-TransportConfig "{\"$property\":false}")"
    check 'Set-TransportConfig is seen' '[False]' "$(cmdlet Get-TransportConfig '{}' | json "$disabled")"
    check 'Set-TransportConfig with null' 400 "$(status_of Set-TransportConfig "{\"$property\":null}")"
    status_of Set-TransportConfig "{\"$property\":true}" >/dev/null
    standin_scenario "{\"tenants\":{\"$STANDIN_TENANT\":{\"mailboxes\":5}},
        \"faults\":[{\"name\":\"not_found\",\"cmdlet\":\"Set-CASMailbox\",\"mailbox\":2}]}"
    check 'a fault of one mailbox, whichever of its names it is' '404 404 200' \
        "$(for user in user0000002 'User 0000002' user0000003; do status_of Set-CASMailbox "{\"Identity\":\"$user\",\"$property\":null}"; echo; done | paste -sd ' ')"
}

# Lines: fault | what must come of it: curl's exit status, HTTP status, head and beginning of the body.
answer_faults()
{
    cat <<'EOF'
{"name":"unauthorized"}|0 401 *
{"name":"forbidden_nul"}|0 403 512
{"name":"forbidden_nul","gzip":true}|61 403 *
{"name":"expired_cursor"}|0 400 *Expired or Invalid pagination request*
{"name":"not_found"}|0 404 *ManagementObjectNotFoundException*
{"name":"throttled","retry_after":7}|0 429 *retry-after: 7*
{"name":"throttled","retry_after":"date"}|0 429 *retry-after: *gmt*
{"name":"unavailable","retry_after":1}|0 503 *retry-after: 1*
{"name":"server_error"}|0 500 *InternalServerError*
{"name":"server_error","status":504}|0 504 *
{"name":"concurrent"}|0 429 *maximum number of concurrent requests*
{"name":"redirect"}|0 302 *location: https://127.0.0.1:*
{"name":"html"}|0 200 *text/html*<!DOCTYPE*
{"name":"not_json"}|0 200 *application/json*<oops>*
{"name":"empty"}|0 200 *content-length: 0*
{"name":"no_content"}|0 204 *
{"name":"error_in_200"}|0 200 *"error"*
{"name":"reset"}|35 000 *
{"name":"close"}|52 000 *
{"name":"stall","seconds":3}|28 000 *
{"name":"reset_in_body"}|56 200 *
{"name":"stall_in_body","seconds":3}|28 200 *
{"name":"trickle","bytes":64,"seconds":0.2}|28 200 *
{"name":"truncated_body"}|18 200 *
{"name":"truncated_body","chunked":true}|18 200 *
{"name":"wrong_length"}|18 200 *
{"name":"wrong_length","delta":-100}|0 200 *
{"name":"wrong_type"}|0 200 *text/html*
{"name":"headers","count":3,"bytes":5}|0 200 *x-filler-2: xxxxx*
{"name":"bad_gzip"}|61 200 *
EOF
}

# Head and beginning of the body, as far as they came.
seen() { { tr '[:upper:]' '[:lower:]' <"$work/head"; head -c 800 "$work/body" | tr -d '\0'; } 2>/dev/null; }

answer_fault_tests()
{
    local line got
    while IFS= read -r line; do
        faulty "${line%%|*}"
        got=$(cas --compressed -D "$work/head" -o "$work/body" -m 1.5 -w '%{exitcode} %{http_code}\n' |
            grep -E '^[0-9]+ [0-9]{3}$')
        case ${line%%|*} in
        *'nul"}') got="$got $(wc -c <"$work/body")" ;;
        *) got="$got $(seen)" ;;
        esac
        # A reset before the first byte is 56 or 35, after OpenSSL's mood.
        [ "${line%%|*}" != '{"name":"reset"}' ] || got=${got/#56/35}
        check "${line%%|*}" "${line#*|}" "$got"
        rm -f "$work/head" "$work/body"
    done < <(answer_faults)
}

# Lines: fault | Python on the first page of three rows (d: document, v: rows) | what it must print
page_faults()
{
    cat <<'EOF'
{"name":"truncated"}|"@odata.nextLink" in d, len(d["@adminapi.warnings"])|(False, 1)
{"name":"other_warning"}|len(d["@adminapi.warnings"])|2
{"name":"missing_last_page"}|"@odata.nextLink" in d, d["@adminapi.warnings"]|(False, [])
{"name":"empty_page"}|len(v), "@odata.nextLink" in d|(0, True)
{"name":"many_rows","count":5000}|len(v)|5000
{"name":"no_value"}|"value" in d|False
{"name":"null_value"}|d["value"]|None
{"name":"value_object"}|d["value"]|{}
{"name":"other_tenant"}|"c0ffee00-" in d["@odata.context"]|True
{"name":"no_context"}|"@odata.context" in d|False
{"name":"missing_property"}|[P in x for x in v]|[False, True, True]
{"name":"missing_property","all":true}|[P in x for x in v]|[False, False, False]
{"name":"wrong_value","row":1,"value":7}|v[1][P]|7
{"name":"text_value","all":true}|[x[P] for x in v]|[None, 'False', 'False']
{"name":"no_address"}|v[0]["EmailAddresses"]|[]
{"name":"nul_in_string"}|"\0" in v[0]["PrimarySmtpAddress"]|True
{"name":"duplicate_address"}|v[0] == v[1], len(v)|(True, 4)
{"name":"claimed_address"}|"smtp:"+v[1]["PrimarySmtpAddress"] in v[0]["EmailAddresses"]|True
{"name":"duplicate_member"}|v[0][P]|False
{"name":"next_link","kind":"number"}|d["@odata.nextLink"]|12
{"name":"next_link","kind":"null"}|d["@odata.nextLink"]|None
{"name":"next_link","kind":"evil"}|d["@odata.nextLink"].startswith("https://127.0.0.1:")|True
{"name":"next_link","kind":"http"}|d["@odata.nextLink"].startswith("http://localhost:")|True
{"name":"next_link","kind":"userinfo"}|"@127.0.0.1:" in d["@odata.nextLink"]|True
{"name":"next_link","kind":"suffix"}|d["@odata.nextLink"].startswith("https://localhost.evil.example:")|True
{"name":"next_link","kind":"first"}|"skiptoken" in d["@odata.nextLink"]|False
{"name":"next_link","kind":"relative"}|d["@odata.nextLink"][:10]|/adminapi/
{"name":"next_link","to":"https://{host}/x"}|d["@odata.nextLink"][-2:]|/x
{"name":"cut_json"}|1|*JSONDecodeError*
{"name":"bad_utf8"}|1|*UnicodeDecodeError*
{"name":"deep","depth":500}|"Deep" in v[0]|True
{"name":"huge","bytes":3000000}|len(v[0]["Huge"]) >= 2097152|True
{"name":"chunked"}|len(v)|3
EOF
}

page_fault_tests()
{
    local fault expression wanted
    while IFS='|' read -r fault expression wanted; do
        faulty "$fault"
        check "$fault" "$wanted" \
            "$(SIZE=3 cas --compressed | json "(lambda v, P: ($expression))(d.get('value'), '$property')" | tail -n 1)"
    done < <(page_faults)
}

series_fault_tests()
{
    local old link
    faulty '{"name":"next_link","kind":"loop","page":2}'
    link=$(SIZE=3 cas | json 'd["@odata.nextLink"]')
    check 'a loop' "$link" "$(AT=$link SIZE=3 cas | json 'd["@odata.nextLink"]')"
    faulty '{"name":"next_link","kind":"endless"}'
    check 'endless pages' '50 150' "$(SIZE=3 series Get-CASMailbox)"
    faulty '{"name":"next_link","kind":"subdomain"}'
    check 'a link under the host' 'https://eur01.localhost:*' "$(SIZE=3 cas | json 'd["@odata.nextLink"]')"
    check 'is good' '4 10' "$(SIZE=3 series Get-CASMailbox)"
    faulty '{"name":"empty_page","page":2}'
    check 'an empty page loses nothing' '5 10' "$(SIZE=3 series Get-CASMailbox)"
    faulty '{"name":"repeat_page","page":2}'
    check 'a repeated page' '4 10 7' "$(SIZE=3 series Get-CASMailbox) $(sort -u "$work/rows" | wc -l)"
    faulty '{"name":"token_ends","page":2}'
    old=$bearer
    link=$(SIZE=3 cas | json 'd["@odata.nextLink"]')
    check 'the token ends in the middle' 401 "$(AT=$link SIZE=3 http_code)"
    check 'and does not live again' 401 "$(AT=$link SIZE=3 http_code)"
    sign_in
    check 'a new one goes on at the same link' 200 "$(AT=$link SIZE=3 http_code)"
    check 'the record tells the two tokens apart' 2 \
        "$(record 'len({x["headers"]["authorization"] for x in r[-4:] if x["kind"]=="exchange"})')"
    bearer=$old
    sign_in
    faulty '{"name":"server_error","cmdlet":"Get-Mailbox","times":2,"skip":1}'
    check 'a fault of another cmdlet' 200 "$(http_code)"
    check 'skip and times' '200 500 500 200' "$(for _ in 1 2 3 4; do status_of Get-Mailbox "$all"; echo; done | xargs)"
    faulty '{"name":"html","on":"any","tenant":"nobody"}'
    check 'a fault of another tenant' 200 "$(http_code)"
    faulty '{"name":"misspelt"}'
    check 'an unknown fault is an error' '*is unknown; known are*' "$(cas)"
    faulty '{"name":"throttled","retry_afer":1}'
    check 'an unknown option is an error' '*unknown retry_afer*' "$(cas)"
    faulty '{"name":"gzip_bomb","bytes":67108864}'
    check 'a gzip bomb' '67108864' "$(cas --compressed | wc -c)"
    check 'is small on the wire' True \
        "$(cas -H 'Accept-Encoding: gzip' -o /dev/null -w '%{size_download}' | json 'd < 200000')"
    standin_scenario '{}'
    check 'gzip when asked for' '*content-encoding: gzip*' \
        "$(cas --compressed -D - -o /dev/null | tr '[:upper:]' '[:lower:]')"
}

tls_tests()
{
    local mode
    for mode in expired:60 wronghost:60 selfsigned:60 unknownca:60 plaintext:35; do
        standin_scenario "{\"tls\":\"${mode%:*}\"}"
        check "tls ${mode%:*}" "${mode#*:}" \
            "$(fetch --no-show-error -o /dev/null -w '%{exitcode}\n' "$STANDIN_URL/" | grep -x '[0-9]*')"
    done
    standin_scenario '{"tls":"tls11"}'
    check 'TLS 1.1 only: refused by those who want 1.2' 35 \
        "$(fetch --no-show-error --tlsv1.2 -o /dev/null -w '%{exitcode}\n' "$STANDIN_URL/" | grep -x '[0-9]*')"
    check 'TLS 1.1 only: it is there for those who do not' 404 \
        "$(fetch --tlsv1.1 --ciphers 'ALL:@SECLEVEL=0' -o /dev/null -w '%{http_code}' "$STANDIN_URL/")"
    standin_scenario '{"tls":"tls12"}'
    check 'TLS 1.2 only' 404 "$(fetch -o /dev/null -w '%{http_code}' "$STANDIN_URL/")"
    standin_scenario '{}'
    check 'failed handshakes are recorded' True "$(grep -c tls-failed "$STANDIN_LOG" | json 'd >= 4')"
}

other_listener_tests()
{
    check 'nobody has asked the evil listener' '' "$(standin_requests evil)"
    check 'nor connected to it' 0 "$(grep -c . "$STANDIN_EVIL_LOG")"
    fetch -o /dev/null -H 'Authorization: Bearer x' "https://localhost:$STANDIN_EVIL_PORT/a"
    fetch -o /dev/null "http://localhost:$STANDIN_PLAIN_PORT/b"
    check 'it records who does' '2 evil' "$(standin_requests evil)"
    check 'with what is shown to it, hashed' 1 "$(grep -c '"authorization": "Bearer sha256:' "$STANDIN_EVIL_LOG")"
    standin_forget
    fetch -o /dev/null "$STANDIN_URL/" -o /dev/null "$STANDIN_URL/"
    check 'the record can be emptied' '2 other' "$(standin_requests)"
    check 'a connection is kept' 1 "$(record 'len({x["connection"] for x in r})')"
    check 'the proxy leads there' 404 \
        "$(fetch --proxy "http://127.0.0.1:$STANDIN_PROXY_PORT" -o /dev/null -w '%{http_code}' "$STANDIN_URL/")"
    check 'and is recorded' 1 \
        "$(grep -c "\"event\": \"proxy\", \"target\": \"localhost:$STANDIN_PORT\"" "$STANDIN_LOG")"
    check 'nothing on stderr but what scenarios asked for' '' "$(grep -v '^standin: scenario: ' "$STANDIN_DIR/stderr")"
}

client_material_tests()
{
    check 'the PKCS#12 opens with its passphrase' '*BEGIN PRIVATE KEY*' \
        "$(openssl pkcs12 -in "$STANDIN_CLIENT_P12" -passin "file:$STANDIN_P12_PASS" -nodes 2>&1)"
    check 'keys and secrets are for their owner' '600 600 600 600 600' \
        "$(stat -c %a "$STANDIN_CLIENT_KEY" "$STANDIN_CLIENT_P12" "$STANDIN_P12_PASS" "$STANDIN_SECRET_FILE" \
            "$STANDIN_FEDERATED_FILE" | xargs)"
}

client_material_tests
sign_in_tests
token_use_tests
reading_tests
tenant_tests
answer_fault_tests
page_fault_tests
series_fault_tests
tls_tests
other_listener_tests
exit $status
