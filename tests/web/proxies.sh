#!/bin/bash
# The recipe for nginx before postern-web, conf/nginx/postern-web.conf, with a stand-in for the sign-in service. Who somebody is comes from
# the service alone, whatever a client sends. And a socket that "ssh -L" would forward, forwarded. TAP lines. BUILD: the folder with programs.
set -u
cd "$(dirname "$0")/../.." || exit 1
. tests/web/lib.sh
mkdir "$T/nginx"
service=$(relay_free_port)
background python3 tests/web/standin.py "$service" "$T"
relay_wait relay_listens "$service" || give_up
serve /oauth2/sign_out

echo "proxy_set_header X-Postern-Proxy \"$secret\";" >"$T/nginx/secret"
{
    echo "pid $T/nginx.pid; error_log $T/nginx/error.log; events { }"
    echo "http { access_log off; client_body_temp_path $T/nginx/body; proxy_temp_path $T/nginx/proxy; fastcgi_temp_path $T/nginx/f;"
    echo "uwsgi_temp_path $T/nginx/u; scgi_temp_path $T/nginx/s;"
    sed -e "s|listen 443 |listen 127.0.0.1:$port |; /listen \[::\]/d; s|127.0.0.1:4180|127.0.0.1:$service|" \
        -e "s|/run/postern-web/web.sock|$T/run/web.sock|; s|/etc/nginx/postern-proxy-secret|$T/nginx/secret|" \
        -e "s|/etc/ssl/certs/mx1.*pem|$T/certificate.pem|; s|/etc/ssl/private/mx1.*key|$T/key.pem|" conf/nginx/postern-web.conf
    echo '}'
} >"$T/nginx.conf"
background nginx -c "$T/nginx.conf" -g 'daemon off;'
relay_wait relay_listens "$port" || { cat "$T/nginx/error.log"; give_up; }

echo anna >"$T/person"
is 'who is not signed in signs in, and comes back to the whole question' "$(browse '/explain?user=a&client=192.0.2.1' | tail -n 1)" "302 $site/explain?user=a&client=192.0.2.1"
is 'what nginx asks the service by is not for clients' "$(browse /oauth2/auth -H 'Cookie: session=anna' | code)" 404
check_recipe /oauth2/sign_out

# What "ssh -L 8080:/run/postern-web/web.sock relay" does, without ssh.
local=$(relay_free_port)
background python3 scripts/demo/forward.py "$local" "$T/run/web.sock"
relay_wait relay_listens "$local" || give_up
is 'a forwarded socket has the page' "$(curl -sS --compressed --max-time 100 "http://localhost:$local/" | grep -c '<main')" 1
is 'and names nobody' "$(curl -sS --max-time 100 "http://localhost:$local/api/v1/me")" '{"error": "who are you? *'

# All of it in a browser, where "make browser" has installed what drives one.
if command -v chromium >/dev/null && [ -d tests/browser/node_modules ]; then
    echo 'correct horse battery' | "$build/postern" -c "$T/postern.conf" web-user add dora --role reader 2>/dev/null
    node tests/web/browser.mjs "$site" "http://localhost:$local" "$T" || status=1
else
    echo 'ok the same in a browser # skip "make browser" installs what drives it'
fi
is 'nothing came out of the sanitizers, to the end' "$(cat "$T"/*.log | grep -c 'ERROR: \|runtime error')" 0
exit $status
