#!/bin/bash
# The recipe for Apache before postern-web, conf/apache/postern-web.conf, with a stand-in for the OpenID Connect provider and one for
# postern-web that writes down what arrives. Who somebody is comes from the provider alone, whatever a client sends. TAP lines.
set -u
cd "$(dirname "$0")/../.." || exit 1
. tests/web/lib.sh
mkdir "$T/cache"
modules=/usr/lib/apache2/modules
openssl genrsa -out "$T/provider.key" 2048 2>/dev/null
provider=$(relay_free_port)
background python3 tests/web/provider.py "$provider" "$T"
relay_wait relay_listens "$provider" || give_up

printf '%s\n' 'RequestHeader set X-Postern-Proxy "the-right-secret"' 'OIDCClientSecret "made up"' \
    "OIDCCryptoPassphrase \"$(openssl rand -hex 32)\"" >"$T/secrets"
{
    for module in mpm_event authn_core authz_core authz_user headers ssl proxy proxy_http auth_openidc; do
        echo "LoadModule ${module}_module $modules/mod_$module.so"
    done
    echo "ServerName localhost
ServerRoot $T
PidFile $T/apache.pid
ErrorLog $T/error.log
Mutex file:$T/run
User www-data
Group www-data
Listen 127.0.0.1:$port"
    sed -e "s|\*:443|127.0.0.1:$port|; s|/run/postern-web/web.sock|$T/run/web.sock|; s|/etc/apache2/postern-secrets|$T/secrets|" \
        -e "s|/etc/ssl/certs/mx1.*pem|$T/certificate.pem|; s|/etc/ssl/private/mx1.*key|$T/key.pem|" \
        -e "s|https://login.microsoftonline.com/[-0]*/v2.0/|http://127.0.0.1:$provider/|" \
        -e "s|https://mx1.contoso.example/oidc|https://mx1.contoso.example:$port/oidc|" conf/apache/postern-web.conf
} >"$T/apache.conf"
chown www-data "$T/cache"
background apache2 -f "$T/apache.conf" -DFOREGROUND
relay_wait relay_listens "$port" || give_up

# sign_in PERSON TARGET: as a browser does, by way of the provider. A jar of cookies for each person.
sign_in() { echo "$1" >"$T/person"; browse "$2" -L -b "$T/$1.jar" -c "$T/$1.jar"; }

is 'who is not signed in is sent to the provider' "$(browse /mailboxes | grep -o '30[0-9] http.*')" "302 http://127.0.0.1:$provider/authorize?*"
is 'and nothing has reached postern-web' "$(cat "$T/record" 2>/dev/null)" ''
is 'who has signed in gets the page' "$(sign_in anna /mailboxes)" 'page*200*'
is 'that was asked for' "$(tail -n 1 "$T/record" | jq -r .target)" /mailboxes
is 'postern-web is told who' "$(field x-auth-request-email)" anna@contoso.example
is 'of which groups' "$(field x-auth-request-groups)" postern-admins,everybody
is 'by the proxy, which has the secret' "$(field x-postern-proxy)" the-right-secret
is 'over HTTPS' "$(field x-forwarded-proto)" https
is 'under the name that the browser knows' "$(field host)" "mx1.contoso.example:$port"
is 'another signs in' "$(sign_in bert /)" 'page*200*'
forged=(-H 'X-Auth-Request-Email: admin@contoso.example' -H 'x-auth-request-email: second@contoso.example'
    -H 'X-Auth-Request-Groups: postern-admins' -H 'X-Postern-Proxy: guessed' -H 'X-Forwarded-Proto: http' -H 'OIDC_CLAIM_groups: postern-admins')
is 'and claims to be somebody else' "$(browse / -b "$T/bert.jar" "${forged[@]}")" 'page*200*'
is 'which he is not' "$(field x-auth-request-email)" bert@contoso.example
is 'nor of a group, since the provider names none' "$(field x-auth-request-groups)" ''
is 'with the one secret' "$(field x-postern-proxy)" the-right-secret
is 'over HTTPS, whatever he says' "$(field x-forwarded-proto)" https
is 'without a token of his own' "$(browse / -b "$T/bert.jar" -H 'Authorization: Bearer guessed' >"$T/page"; field authorization)" ''
arrived=$(wc -l <"$T/record")
is 'claims alone are nothing' "$(browse / "${forged[@]}" | grep -o '302 http')" '302 http'
is 'and do not arrive' "$(wc -l <"$T/record")" "$arrived"
is 'events come at once' "$(browse /events -N -b "$T/anna.jar" | head -n 1)" 'data: first'
exit $status
