#!/bin/bash
# The recipe for Apache before postern-web, conf/apache/postern-web.conf, with a stand-in for the OpenID Connect provider. Who somebody is
# comes from the provider alone, whatever a client sends. TAP lines. BUILD: the folder with programs.
set -u
cd "$(dirname "$0")/../.." || exit 1
. tests/web/lib.sh
mkdir "$T/cache"
modules=/usr/lib/apache2/modules
openssl genrsa -out "$T/provider.key" 2048 2>/dev/null
provider=$(relay_free_port)
background python3 tests/web/provider.py "$provider" "$T"
relay_wait relay_listens "$provider" || give_up
sign_out="/oidc?logout=https%3A%2F%2Fmx1.contoso.example%3A$port%2F"
serve "$sign_out"

printf '%s\n' "RequestHeader set X-Postern-Proxy \"$secret\"" 'OIDCClientSecret "made up"' \
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
        -e "s|https://mx1.contoso.example/oidc|$site/oidc|" conf/apache/postern-web.conf
} >"$T/apache.conf"
chown www-data "$T/cache"
background apache2 -f "$T/apache.conf" -DFOREGROUND
relay_wait relay_listens "$port" || give_up

is 'who is not signed in is sent to the provider' "$(browse /mailboxes | grep -o '30[0-9] http.*')" "302 http://127.0.0.1:$provider/authorize?*"
echo anna >"$T/person"
is 'and comes back to the whole question' "$(as anna '/explain?user=a&client=192.0.2.1' -L -o /dev/null -w '%{url_effective}\n' | head -n 1)" "*/explain?user=a&client=192.0.2.1*"
check_recipe "$sign_out"
exit $status
