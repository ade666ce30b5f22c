# shellcheck shell=bash disable=SC2034,SC2154 # whoever sources this has them; status is tests/e2e/lib.sh's
# For the tests of recipes: postern-web, with a folder $T, a certificate, a stand-in for who signs people in, and a browser with a jar of
# cookies for each person. The web server is the recipe's. Sourced, from the tree's root. BUILD: the folder with programs.
. tests/integration/web_lib.sh
finish() { for pid in $relay_pids; do kill "$pid" 2>/dev/null; done; wait; relay_give_back; rm -rf "$T"; }
chmod 755 "$T"

background() { "$@" >>"$T/background.log" 2>&1 & relay_pids="$relay_pids $!"; }
give_up() { cat "$T"/*.log; exit 1; }
openssl req -x509 -newkey rsa:2048 -nodes -keyout "$T/key.pem" -out "$T/certificate.pem" -days 2 \
    -subj /CN=mx1.contoso.example -addext subjectAltName=DNS:mx1.contoso.example 2>/dev/null
port=$(relay_free_port)
site=https://mx1.contoso.example:$port
secret=0123456789abcdef0123456789abcdef
(umask 077; echo $secret >"$T/proxy-secret")

# serve SIGN-OUT: postern-web, to which the web server may connect, with that path in web.proxy.sign_out.
serve()
{
    cat >"$T/postern.conf" <<END
directory = "$T/lib/directory"; state = { file = "$T/lib/state"; entries = 1024; }; journal = "$T/lib/journal";
spool = "$T/lib/spool"; log = { to = "stderr"; }; preset = "none";
tenants = ( { name = "contoso"; domains = ["contoso.example"]; } );
policyd = { listen = "unix:$T/run/policyd.sock"; }; milter = { listen = ""; };
web = { listen = { address = "unix:$T/run/web.sock"; mode = "0666"; }; hosts = ["mx1.contoso.example"];
    proxy = { secret_file = "proxy-secret"; sign_out = "$1"; roles = ( { group = "postern-operators"; role = "operator"; } ); }; };
END
    printf '%s\n' '"Guid","PrimarySmtpAddress","DisplayName","SmtpClientAuthenticationDisabled"' \
        '"0a7d6d2c-0001-4b7e-9d55-000000000001","sean@contoso.example","Sean","False"' >"$T/cas.csv"
    "$build/postern-mirror" import -c "$T/postern.conf" --tenant contoso "$T/cas.csv" >"$T/mirror.log" 2>&1 || give_up
    token=$("$build/postern" -c "$T/postern.conf" web-user token boss --role admin --expires 1d 2>/dev/null)
    start policyd || give_up
    start web || give_up
}

# browse TARGET [OPTION...]: what comes, its status, and where it leads. as PERSON TARGET [OPTION...]: with the cookies of one.
browse()
{
    curl -sS --max-time 100 --compressed --cacert "$T/certificate.pem" --resolve "mx1.contoso.example:$port:127.0.0.1" \
        -w '\n%{http_code} %{redirect_url}\n' "${@:2}" "$site$1" 2>&1
}
as() { browse "$2" -b "$T/$1.jar" -c "$T/$1.jar" "${@:3}"; }
# sign_in PERSON TARGET: a page, by way of who signs people in.
sign_in() { echo "$1" >"$T/person"; as "$1" "$2" -L; }
# The same of what a script of a page asks for.
script=(-H 'Accept: */*' -H 'Sec-Fetch-Mode: cors' -H 'Sec-Fetch-Dest: empty' -H 'Sec-Fetch-Site: same-origin')
code() { tail -n 1 | cut -d ' ' -f 1; }
me() { as "$1" /api/v1/me "${script[@]}" "${@:2}" | head -n 1 | jq -r 'if .data then "\(.data.name) \(.data.role) \(.data.way) \(.data.sign_out)" else .error end' 2>&1; }
# ask PERSON [OPTION...]: to block somebody, as a page does.
json=(-H 'Content-Type: application/json')
ask() { as "$1" /api/v1/actions "${script[@]}" -d '{"verb": "block", "subject": "sean@contoso.example", "for": "1h", "reason": "a test"}' "${@:2}" | code; }

# What holds with any web server whose recipe is right. sign_out: the path, as in the configuration.
check_recipe()
{
    local forged proof large identity
    is 'what a page asks for is refused to who is not signed in, and not sent elsewhere' "$(browse /api/v1/me "${script[@]}" | code) $(browse /events "${script[@]}" | code)" '401 401'
    is 'who has signed in gets the page' "$(sign_in anna '/explain?user=a&client=192.0.2.1' | grep -c '^200\|<main')" 2
    is 'and what it asks for, as who the service says, with the role of the group' "$(me anna)" "anna@contoso.example operator proxy $1"
    is 'with the rules for the browser that postern-web sends' "$(as anna / -D - -o /dev/null | tr -d '\r' | grep -ci "^content-security-policy: default-src 'none'\|^x-content-type-options: nosniff\|^set-cookie: .*postern")" 2
    forged=(-H 'X-Auth-Request-Email: admin@contoso.example' -H 'x-auth-request-email: second@contoso.example' -H 'X_Auth_Request_Email: third@contoso.example'
        -H 'X-Auth-Request-Groups: postern-operators' -H 'X_Auth_Request_Groups: postern-operators' -H "X-Postern-Proxy: $secret" -H 'X-Forwarded-Proto: http'
        -H 'OIDC_CLAIM_groups: postern-operators' -H 'OIDC_CLAIM_email: fourth@contoso.example')
    is 'who claims to be another is still himself' "$(me anna "${forged[@]}")" "anna@contoso.example operator proxy $1"
    is 'nor more by a token' "$(me anna -H "Authorization: Bearer $token")" "anna@contoso.example operator proxy $1"
    is 'claims alone are nothing' "$(browse /api/v1/me "${script[@]}" "${forged[@]}" -H "Authorization: Bearer $token" | code)" 401
    is 'another signs in, who is in no group: the page is there' "$(sign_in bert / | code)" 200
    is 'and is told why it has nothing to show' "$(me bert)" '*in no group that may come here*web.proxy.roles*'
    is 'whatever is claimed' "$(me bert "${forged[@]}" -H "Authorization: Bearer $token")" '*in no group that may come here*'
    is 'a group of another alphabet beside the right one is no matter' "$(sign_in carl / | code) $(me carl)" "200 carl@contoso.example operator proxy $1"
    large="Cookie: $(sed 's/^#HttpOnly_//' "$T/anna.jar" | awk 'NF > 5 && !/^#/ { printf "%s=%s; ", $6, $7 }')large=$(printf %0980d 0)"
    is 'large cookies are not for postern-web' "$(browse /api/v1/me "${script[@]}" -H "$large" | code)" 200

    proof=(-H "X-Postern-Proof: $(as anna /api/v1/me "${script[@]}" | head -n 1 | jq -r .data.proof)")
    is 'a change is asked for from a page of ours' "$(ask anna "${json[@]}" "${proof[@]}" -H "Origin: $site")" 202
    is 'not without its proof' "$(ask anna "${json[@]}" -H "Origin: $site")" 403
    is 'not from a page of another site, or of another port' "$(ask anna "${json[@]}" "${proof[@]}" -H 'Origin: https://fabrikam.example') $(ask anna "${json[@]}" "${proof[@]}" -H 'Origin: https://mx1.contoso.example') $(ask anna "${json[@]}" "${proof[@]}" -H "Origin: http://mx1.contoso.example:$port")" '403 403 403'
    is 'not by a form' "$(ask anna "${proof[@]}" -H "Origin: $site") $(ask anna -H 'Content-Type: text/plain' "${proof[@]}" -H "Origin: $site")" '415 415'
    is 'not by who is in no group, with the proof of another' "$(ask bert "${json[@]}" "${proof[@]}" -H "Origin: $site")" 403
    identity=$(cat "$T"/lib/spool/web/*.json 2>/dev/null)
    is 'one was left to be done, by who it was' "$(find "$T/lib/spool/web" -name "*.json" | wc -l) $(grep -c 'anna@contoso.example' <<<"$identity") $(grep -c 'by the proxy' <<<"$identity")" '1 [1-9]* [1-9]*'
    is 'events come at once' "$(as anna /events -N "${script[@]}" | head -n 1)" 'retry: 5000'
    is 'files come in pieces' "$(as anna '/api/v1/reports/enabled?format=csv' "${script[@]}" | grep -c 'sean@contoso.example')" 1
    is 'a large body does not come through' "$(as anna /api/v1/actions "${script[@]}" "${json[@]}" "${proof[@]}" -d "@$T/large" | code)" 413
    is 'a signed-out one is not signed in' "$(as anna "$1" -o /dev/null | code) $(as anna /api/v1/me "${script[@]}" | code)" '302 401'
    is 'nothing came out of the sanitizers' "$(cat "$T"/*.log | grep -c 'ERROR: \|runtime error')" 0
}
head -c 70000 /dev/zero | tr '\0' x >"$T/large"
