#!/bin/bash
# The recipes for web servers before postern-web: nginx as conf/nginx/postern-web.conf has it, with a stand-in for the sign-in service and
# one for postern-web that writes down what arrives. Who somebody is comes from the service alone, whatever a client sends. And a socket
# that "ssh -L" would forward, forwarded. TAP lines.
set -u
cd "$(dirname "$0")/../.." || exit 1
. tests/web/lib.sh
mkdir "$T/nginx"
sign_in=$(relay_free_port)
background python3 tests/web/standin.py sign-in "$sign_in"
relay_wait relay_listens "$sign_in" || give_up

echo 'proxy_set_header X-Postern-Proxy "the-right-secret";' >"$T/nginx/secret"
{
    echo "pid $T/nginx.pid; error_log $T/nginx/error.log; events { }"
    echo "http { access_log off; client_body_temp_path $T/nginx/body; proxy_temp_path $T/nginx/proxy; fastcgi_temp_path $T/nginx/f;"
    echo "uwsgi_temp_path $T/nginx/u; scgi_temp_path $T/nginx/s;"
    sed -e "s|listen 443 |listen 127.0.0.1:$port |; /listen \[::\]/d; s|127.0.0.1:4180|127.0.0.1:$sign_in|" \
        -e "s|/run/postern-web/web.sock|$T/run/web.sock|; s|/etc/nginx/postern-proxy-secret|$T/nginx/secret|" \
        -e "s|/etc/ssl/certs/mx1.*pem|$T/certificate.pem|; s|/etc/ssl/private/mx1.*key|$T/key.pem|" conf/nginx/postern-web.conf
    echo '}'
} >"$T/nginx.conf"
background nginx -c "$T/nginx.conf" -g 'daemon off;'
relay_wait relay_listens "$port" || { cat "$T/nginx/error.log"; give_up; }

is 'who is not signed in is sent to sign in' "$(browse /mailboxes | grep -o '^30.*')" "302 https://mx1.contoso.example*/oauth2/start?rd=https://mx1.contoso.example/mailboxes"
is 'where the service has its page' "$(browse '/oauth2/start?rd=x')" 'sign in here*200*'
is 'and nothing has reached postern-web' "$(cat "$T/record" 2>/dev/null)" ''
is 'the service is not asked by others' "$(browse /oauth2/auth -H 'Cookie: session=anna')" '*404*'
is 'who is signed in gets the page' "$(browse /mailboxes -H 'Cookie: session=anna')" 'page*200*'
is 'postern-web is told who' "$(field x-auth-request-email)" anna@contoso.example
is 'of which groups' "$(field x-auth-request-groups)" postern-admins,everybody
is 'by the proxy, which has the secret' "$(field x-postern-proxy)" the-right-secret
is 'over HTTPS' "$(field x-forwarded-proto)" https
is 'under the name that the browser knows' "$(field host)" mx1.contoso.example
forged=(-H 'X-Auth-Request-Email: admin@contoso.example' -H 'x-auth-request-email: second@contoso.example' -H 'X_Auth_Request_Email: third@contoso.example'
    -H 'X-Auth-Request-Groups: postern-admins' -H 'X-Postern-Proxy: guessed' -H 'X-Forwarded-Proto: http' -H 'Authorization: Bearer guessed')
is 'who claims to be another' "$(browse / -H 'Cookie: session=bert' "${forged[@]}")" 'page*200*'
is 'is still himself' "$(field x-auth-request-email)" bert@contoso.example
is 'of no group, since the service names none' "$(field x-auth-request-groups)" ''
is 'nor by another spelling' "$(field x_auth_request_email)" ''
is 'with the one secret' "$(field x-postern-proxy)" the-right-secret
is 'without a token of his own' "$(field authorization)" ''
is 'over HTTPS, whatever he says' "$(field x-forwarded-proto)" https
arrived=$(wc -l <"$T/record")
is 'claims alone are nothing' "$(browse / "${forged[@]}" | grep -o '^30.')" 302
is 'and do not arrive' "$(wc -l <"$T/record")" "$arrived"
is 'events come at once' "$(browse /events -N -H 'Cookie: session=anna' --max-time 60 | head -n 1)" 'data: first'

# What "ssh -L 8080:/run/postern-web/web.sock relay" does, without ssh.
local=$(relay_free_port)
background python3 scripts/demo/forward.py "$local" "$T/run/web.sock"
relay_wait relay_listens "$local" || { cat "$T/background.log"; exit 1; }
is 'a forwarded socket has the page' "$(curl -sS --max-time 60 "http://localhost:$local/")" page
is 'under the name of this machine' "$(field host)" "localhost:$local"
is 'and names nobody' "$(field x-auth-request-email)$(field x-postern-proxy)" ''
exit $status
