#!/bin/bash
# "postern-mirror sync", doctor and write-back against the Exchange Online stand-in: what each failure of the service does
# to the run, and what is in the directory afterwards. TAP lines. BUILD: the folder with postern-mirror.
set -u
cd "$(dirname "$0")/../.." || exit 1
. scripts/relay.sh
. tests/standin/standin.sh
. tests/standin/checks.sh
build=${BUILD:-build/asan}
[ -x "$build/postern-mirror" ] || build=build/release
mirror=$(realpath "$build/postern-mirror")
only=${1:-.}
work=$(mktemp -d "${TMPDIR:-/tmp}/postern-sync.XXXXXX")
unset http_proxy https_proxy HTTPS_PROXY all_proxy ALL_PROXY no_proxy NO_PROXY CREDENTIALS_DIRECTORY

finish()
{
    mountpoint -q "$work/small" && umount "$work/small"
    standin_stop
    rm -rf "$work"
}
trap finish EXIT

# ---- configuration ----

# conf [EXCHANGE SETTINGS [MIRROR SETTINGS [SIGN-IN]]]
conf()
{
    local signin=${3:-certificate_file = \"$STANDIN_CLIENT_CERT\"; key_file = \"$STANDIN_CLIENT_KEY\";}
    cat >"$work/postern.conf" <<END
directory = "$work/dir"; journal = "$work/journal"; spool = "$work/spool"; $NOTICES
mirror = { page_size = 10; ${2:-} };
tenants = ( { name = "contoso"; domains = ["contoso.example"];
    exchange = { tenant_id = "$STANDIN_TENANT"; application = "$STANDIN_CLIENT_ID"; $signin
        ca_file = "$STANDIN_CA"; ${1:-}
        hosts = { login = "localhost:$STANDIN_PORT"; exchange = "localhost:$STANDIN_PORT";
                  graph = "graph.localhost:$STANDIN_PORT"; }; }; } );
END
}

NOTICES= # more of the configuration

# explains LOGIN SENDER: what postern decides by the directory. It asks for the state file that a service makes.
explains()
{
    local pid
    {
        cat "$work/postern.conf"
        echo "state = { file = \"$work/explained\"; entries = 1024; }; policyd = { listen = \"unix:$work/explaining\"; };"
        echo 'log = { to = "stderr"; };'
    } >"$work/explain.conf"
    if [ ! -e "$work/explained" ]; then
        "$build/postern-policyd" -c "$work/explain.conf" >/dev/null 2>&1 &
        pid=$!
        for _ in $(seq 600); do [ -S "$work/explaining" ] && break; sleep 0.1; done
        kill $pid
        wait $pid
    fi
    "$build/postern" -c "$work/explain.conf" explain --tls TLSv1.3 --user "$1@contoso.example" --sender "$2@contoso.example" 2>&1
}
notices() { find "$work/spool/alerts" -name '*-settings-*.json' 2>/dev/null | wc -l; }

run()
{
    "$mirror" "$@" -c "$work/postern.conf" >"$work/out" 2>&1 </dev/null
    status=$?
}

# What is in the directory: the tenant without its times, and some mailboxes.
state()
{
    {
        "$mirror" show -c "$work/postern.conf"
        for user in user0000000 user0000001 user0000012 user0000024; do
            "$mirror" show -c "$work/postern.conf" "$user@contoso.example"
        done
    } 2>&1 | sed 's/[0-9:-]* [0-9:]* UTC, from .*//'
}
setting() { "$mirror" show -c "$work/postern.conf" "$1@contoso.example" 2>&1 | sed -n 's/^  SMTP AUTH  *//p'; }
mailboxes() { "$mirror" show -c "$work/postern.conf" | sed -n 's/^  mailboxes  *//p'; }
# The directory as it was behind the first sync.
reset_directory() { rm -rf "$work/dir" && cp -a "$work/base" "$work/dir"; }

tenant='"mailboxes":25'
change='"changes":[{"mailbox":0,"set":{"SmtpClientAuthenticationDisabled":true},"cmdlet":"Get-CASMailbox"}]'
scenario() { standin_scenario "{\"tenants\":{\"$STANDIN_TENANT\":{$tenant,$change}}${1:+,$1}}"; }

# row NAME STATUS PATTERN AFTER SCENARIO-MEMBERS: one sync of the tenant in which user0000000 was changed from inherit to
# disabled. AFTER: "same" (nothing in the directory has changed) or "new" (the change is there).
row()
{
    local name=$1 wanted=$2 pattern=$3 after=$4 now
    [[ $name =~ $only ]] || return 0
    reset_directory
    scenario "$5"
    standin_forget
    # shellcheck disable=SC2086 # options
    run sync ${6:-}
    [ "$status" -eq "$wanted" ] || { not_ok "$name" "status $status, expected $wanted"; return; }
    grep -q -e "$pattern" "$work/out" || { not_ok "$name" "the output does not say \"$pattern\""; return; }
    now=$(state)
    if [ "$after" = same ] && [ "$now" != "$before" ]; then
        not_ok "$name" "the directory has changed:" "$now"
    elif [ "$after" = new ] && ! [[ $(setting user0000000) == disabled* && $(mailboxes) = 25 ]]; then
        not_ok "$name" "the change is not in the directory:" "$now"
    elif grep -q -e 'eyJ' -e "$(head -n 1 "$STANDIN_SECRET_FILE")" "$work/out"; then
        not_ok "$name" "a secret or a token is in the output"
    elif [ -s "$STANDIN_EVIL_LOG" ] && grep -q '"event": *"request"' "$STANDIN_EVIL_LOG"; then
        not_ok "$name" "a request went to a host that was never configured"
    else
        ok "$name"
    fi
}
fault() { printf '"faults":[{%s}]' "$1"; }

standin_start "{\"tenants\":{\"$STANDIN_TENANT\":{$tenant}}}" || { echo "not ok 1 the stand-in starts"; exit 1; }
conf
mkdir "$work/dir"
run sync
cp -a "$work/dir" "$work/base"
before=$(state)

# ---- what goes well ----

check 'a first sync brings all mailboxes in' test "$(mailboxes)" = 25
check 'the setting of a mailbox is there' test "$(setting user0000001)" = enabled
run sync
check 'an unchanged tenant is confirmed' grep -q '0 changed, 0 added, 0 removed, generation 1 confirmed' "$work/out"
check 'and its directory is the same file' cmp "$work/dir/directory-0000000001.mdb" "$work/base/directory-0000000001.mdb"

C='"cmdlet":"Get-CASMailbox"'
row 'a change comes in, with before and after in the log' 0 'user0000000@contoso.example: SMTP AUTH inherit → disabled' new ''
row 'without compression too' 0 '1 changed' new '"gzip":false'
row 'a link under the configured host is followed' 0 '1 changed' new "$(fault "\"name\":\"next_link\",\"kind\":\"subdomain\",$C")"
row 'a chunked answer' 0 '1 changed' new "$(fault '"name":"chunked"')"
row 'settings as text' 0 '1 changed' new "$(fault "\"name\":\"text_value\",$C")"
row 'a harmless warning is said, no more' 0 'the service warns: ' new "$(fault "\"name\":\"other_warning\",$C")"
row 'an empty page in between' 0 '1 changed' new "$(fault "\"name\":\"no_context\",$C")"

# ---- what passes by itself ----

row 'a token that ends in the middle is renewed' 0 'signing in again' new "$(fault "\"name\":\"token_ends\",$C,\"page\":2")"
row 'a token of two seconds' 0 '1 changed' new '"token_lifetime":2,"latency":0.15'
row '429 with Retry-After' 0 'too many requests).*; again in 1\.. s (Retry-After: 1)' new "$(fault "\"name\":\"throttled\",\"retry_after\":1,$C,\"times\":1")"
row '429 without Retry-After' 0 'too many requests).*; again in [01]\.' new "$(fault "\"name\":\"throttled\",$C,\"times\":1")"
row '429 with a date' 0 'too many requests).*; again in [12]\.' new "$(fault "\"name\":\"throttled\",\"retry_after\":\"date\",$C,\"times\":1")"
row '503 with a Retry-After of nonsense' 0 'answered 503.*; again' new "$(fault "\"name\":\"unavailable\",\"retry_after\":\"-5\",$C,\"times\":1")"
row 'too many concurrent requests, as plain text' 0 'too many requests' new "$(fault "\"name\":\"concurrent\",$C,\"times\":1")"
row '500 twice' 0 'answered 500.*; again' new "$(fault "\"name\":\"server_error\",$C,\"page\":2,\"times\":2")"
row '500 of the sign-in' 0 'sign-in: the service answered 500' new "$(fault '"name":"server_error","on":"token","times":1')"
row 'a reset instead of an answer' 0 '1 changed' new "$(fault "\"name\":\"reset\",$C,\"page\":2,\"times\":1")"
row 'a reset in the middle of the body' 0 'again in' new "$(fault "\"name\":\"reset_in_body\",$C,\"page\":2,\"times\":1")"
row 'a connection closed without an answer' 0 '1 changed' new "$(fault "\"name\":\"close\",$C,\"times\":1")"
conf '' 'stall_timeout = "1s";' # elsewhere two minutes, which a busy stand-in keeps, too
row 'a stall' 0 'again in' new "$(fault "\"name\":\"stall\",\"seconds\":10,$C,\"times\":1")"
row 'a stall in the middle of the body' 0 'again in' new "$(fault "\"name\":\"stall_in_body\",\"seconds\":10,$C,\"times\":1")"
conf
row 'a truncated body is asked for again' 0 'again in' new "$(fault "\"name\":\"truncated_body\",$C,\"page\":2,\"times\":1")"
row 'a Content-Length that promises more than comes' 0 'again in' new "$(fault "\"name\":\"wrong_length\",$C,\"page\":2,\"times\":1")"
row 'an expired cursor begins the series again' 0 'the series begins again' new "$(fault "\"name\":\"expired_cursor\",$C,\"page\":2,\"times\":1")"

# ---- what may not be read ----

row 'what may not be read is named, the rest goes on' 4 'not permitted: Get-RecipientPermission.*it needs the Exchange role' new \
    "$(fault '"name":"forbidden_nul","cmdlet":"Get-RecipientPermission"')"
row 'also where the NUL bytes claim to be compressed' 4 'not permitted: Get-AcceptedDomain' new \
    "$(fault '"name":"forbidden_nul","gzip":true,"cmdlet":"Get-AcceptedDomain"')"
row 'without the permission of Graph' 4 'not permitted: Microsoft Graph.*Policy.Read.All' new '"graph_role":false'
row 'mailbox settings that may not be read stay' 4 'not permitted: Get-CASMailbox' same "$(fault "\"name\":\"forbidden_nul\",$C")"
row 'without any directory role' 1 'may read nothing at all\|application may read nothing' same '"directory_role":false,"graph_role":false'
row '401 that names the cmdlet is the directory role' 4 \
    'not permitted: Get-RecipientPermission: .*(HTTP 401); it needs the Exchange role.*User is not allowed to call' new \
    "$(fault '"name":"not_allowed","cmdlet":"Get-RecipientPermission"')"
row '403 as a page is a proxy, no missing role' 1 'Get-AcceptedDomain: HTTP 403 with a page for people.*proxy or firewall' same \
    "$(fault '"name":"html","status":403,"cmdlet":"Get-AcceptedDomain"')"
row '401 as a page is a proxy, no missing permission' 1 'HTTP 401 with a page for people.*proxy or firewall' same \
    "$(fault '"name":"html","status":401')"
row '401 for ever' 1 'Exchange.ManageAsApp' same "$(fault '"name":"unauthorized"')"
row 'without the application role' 1 'Exchange.ManageAsApp' same '"app_role":false'
if [[ 'rights stay' =~ $only ]]; then
    reset_directory
    standin_scenario "{\"tenants\":{\"$STANDIN_TENANT\":{$tenant,\"forbidden\":[\"Get-RecipientPermission\",\"Get-AcceptedDomain\"]}}}"
    run sync
    check 'nothing is dropped for what may not be read' grep -q 'generation 1 confirmed' "$work/out"
fi

# ---- what cannot be read, though it may ----

row 'the text in a 500 is said' 0 'answered 500: "The domain controller is busy"; again' new \
    "$(fault "\"name\":\"server_error\",\"message\":\"The domain controller is busy\",$C,\"times\":1")"
row 'an optional cmdlet that is not there' 4 'not read: Get-RecipientPermission: HTTP 404.*keeps what it has' new \
    "$(fault '"name":"not_found","cmdlet":"Get-RecipientPermission"')"
row 'an optional answer that is cut' 4 'not read: Get-RecipientPermission.*the answer is cut' new \
    "$(fault '"name":"truncated","cmdlet":"Get-RecipientPermission"')"
row 'an optional row without what is needed' 4 'not read: Get-AcceptedDomain: row 1 has no DomainType' new \
    "$(fault '"name":"missing_property","property":"DomainType","cmdlet":"Get-AcceptedDomain"')"
row 'an optional answer that is too long' 4 'not read: Get-AcceptedDomain.*longer than' new \
    "$(fault '"name":"huge","cmdlet":"Get-AcceptedDomain"')"
row 'an empty optional answer' 4 'not read: Get-AcceptedDomain: the answer is empty' new \
    "$(fault '"name":"empty","cmdlet":"Get-AcceptedDomain"')"
row 'but an optional answer of another tenant ends the run' 1 "another tenant's (c0ffee00" same \
    "$(fault '"name":"other_tenant","cmdlet":"Get-AcceptedDomain"')"
conf '' 'deadline = "30s";' # all eight tries take two minutes, most of them waiting
row 'one optional cmdlet fails for good' 4 'not read: given up after .* Get-RecipientPermission: .*500: "Invalid Operation"' new \
    "$(fault '"name":"server_error","cmdlet":"Get-RecipientPermission"')"
conf
if [[ 'policies' =~ $only ]]; then
    # A default policy, and a user with it, are there; then the policies cannot be read, and the default becomes another.
    policies='"Get-AuthenticationPolicy":[{"Name":"Block Basic","AllowBasicAuthSmtp":false}]'
    organization='"patch":{"Get-OrganizationConfig":{"DefaultAuthenticationPolicy":"Block Basic"}}'
    reset_directory
    standin_scenario "{\"tenants\":{\"$STANDIN_TENANT\":{$tenant,\"rows\":{$policies},$organization}}}"
    run sync
    check 'a default policy comes in' grep -q 'default authentication policy none → no passwords' "$work/out"
    standin_scenario "{\"tenants\":{\"$STANDIN_TENANT\":{$tenant,\"forbidden\":[\"Get-AuthenticationPolicy\"],${organization/Block Basic/New One}}}}"
    run sync
    check 'what needs a part that was left out is left out, too, and the run goes on' test "$status" = 4
    check 'the default policy is named' grep -q 'not taken: Get-OrganizationConfig' "$work/out"
    check 'and the users' grep -q 'not read: Get-User, as Get-AuthenticationPolicy was not read' "$work/out"
    "$mirror" show -c "$work/postern.conf" >"$work/out"
    check 'and the directory keeps the default policy' grep -q 'passwords by default policy *no$' "$work/out"
fi

# ---- what refuses the run ----

row 'a truncated answer with its warning' 1 'the answer is cut' same "$(fault "\"name\":\"truncated\",$C")"
conf '' 'deadline = "10s"; stall_timeout = "1s";'
row 'half a body, again and again' 1 'given up after .* tries\|mirror.deadline' same "$(fault "\"name\":\"truncated_body\",$C,\"page\":2")"
row 'a byte a second' 1 'less than 512 bytes a second came for 1 s (mirror.stall_timeout)' same "$(fault "\"name\":\"trickle\",\"bytes\":1,\"seconds\":1,$C,\"page\":2")"
row '429 with a Retry-After of thirty years' 1 'given up after 1 try.*too many requests' same "$(fault "\"name\":\"throttled\",\"retry_after\":1000000000,$C")"
row 'an hour that is not left' 1 'asks to wait longer (Retry-After: 3600) than mirror.deadline leaves' same "$(fault "\"name\":\"throttled\",\"retry_after\":3600,$C")"
conf
row 'a Content-Length that promises less than comes' 1 'half-written' same "$(fault "\"name\":\"wrong_length\",\"delta\":-100,$C,\"page\":2")"
row 'half the JSON' 1 'half-written' same "$(fault "\"name\":\"cut_json\",$C,\"page\":2")"
row 'JSON with another Content-Type' 1 'not JSON but \\*"text/html' same "$(fault "\"name\":\"wrong_type\",\"type\":\"text/html\",$C")"
row 'an HTML page' 1 'captive portal' same "$(fault "\"name\":\"html\",$C")"
row 'no JSON' 1 'Get-CASMailbox, page 1' same "$(fault "\"name\":\"not_json\",$C")"
row 'no JSON that looks like a list' 1 'Get-CASMailbox, page 1' same "$(fault "\"name\":\"not_json\",\"body\":\"evil@contoso.example\",$C")"
row 'an empty body' 1 'is empty' same "$(fault "\"name\":\"empty\",$C")"
row '204' 1 'HTTP 204' same "$(fault "\"name\":\"no_content\",$C")"
row '404 for a whole cmdlet' 1 'HTTP 404' same "$(fault "\"name\":\"not_found\",$C")"
row 'an error inside 200' 1 'an error that the service answered with' same "$(fault "\"name\":\"error_in_200\",$C")"
row 'a redirect' 1 'is not followed' same "$(fault "\"name\":\"redirect\",\"to\":\"evil\",$C")"
row 'a redirect of the sign-in' 1 'sign-in refused (HTTP 302)' same "$(fault '"name":"redirect","to":"evil","on":"token"')"
row 'an expired cursor for ever' 1 'given up after 4 beginnings' same "$(fault "\"name\":\"expired_cursor\",$C,\"page\":2")"
row 'bad compression' 1 'compressed' same "$(fault "\"name\":\"bad_gzip\",$C")"
row 'a bomb of compressed blanks' 1 'longer than' same "$(fault "\"name\":\"gzip_bomb\",$C")"
row 'a huge row' 1 'longer than' same "$(fault "\"name\":\"huge\",$C")"
row 'deep JSON' 1 'nested too deeply' same "$(fault "\"name\":\"deep\",$C")"
row 'bad UTF-8' 1 'not UTF-8' same "$(fault "\"name\":\"bad_utf8\",$C")"
row 'NUL in a text' 1 'damaged JSON' same "$(fault "\"name\":\"nul_in_string\",$C")"
row 'a member that occurs twice' 1 'occurs twice' same "$(fault "\"name\":\"duplicate_member\",$C")"
row 'value is an object' 1 'expected a value: the file is damaged' same "$(fault "\"name\":\"value_object\",$C")"
row 'value is null' 3 'is empty, as no tenant' same "$(fault "\"name\":\"null_value\",$C")"
row 'value is absent' 3 'is empty, as no tenant' same "$(fault "\"name\":\"no_value\",$C")"
row 'a property is missing in one row' 1 'row 13 has no SmtpClientAuthenticationDisabled' same \
    "$(fault "\"name\":\"missing_property\",$C,\"page\":2,\"row\":2")"
row 'a value of another type' 1 'expected True, False or nothing' same "$(fault "\"name\":\"wrong_value\",$C")"
row 'a row without an address' 1 'PrimarySmtpAddress' same "$(fault "\"name\":\"no_address\",$C")"
row 'a mailbox whose row comes twice is one' 0 '25 mailboxes' new "$(fault "\"name\":\"duplicate_address\",$C")"
row 'a page that comes twice' 1 'goes in a circle' same "$(fault "\"name\":\"repeat_page\",$C,\"page\":2")"
row 'two mailboxes that claim one address' 0 'is claimed by 2 mailboxes; the stricter setting holds' new "$(fault "\"name\":\"claimed_address\",$C")"
row 'another tenant by its rows' 1 "another tenant's (c0ffee00" same "$(fault "\"name\":\"other_tenant\",$C")"
row 'the last page is missing' 3 'would drop' same "$(fault "\"name\":\"missing_last_page\",\"cmdlet\":\"Get-CASMailbox\"},{\"name\":\"missing_last_page\",\"cmdlet\":\"Get-Mailbox\"")"

# ---- links ----

for kind in evil evil_port http userinfo backslash suffix prefix parent file empty number long control other_path relative; do
    row "a link that leads elsewhere: $kind" 1 'Get-CASMailbox, page 1: ' same "$(fault "\"name\":\"next_link\",\"kind\":\"$kind\",$C")"
done
for kind in loop first endless; do
    row "links without an end: $kind" 1 'go in a circle\|goes in a circle\|pages never end\|empty page' same "$(fault "\"name\":\"next_link\",\"kind\":\"$kind\",$C")"
done

# ---- the tenant ----

tenant='"mailboxes":0'
row 'an empty tenant' 3 'is empty, as no tenant' same ''
tenant='"mailboxes":25,"keep":0.5'
row 'a tenant that shrinks by half' 3 'would drop' same ''
if [[ 'shrinks by half' =~ $only ]]; then
    run sync --force
    check '--force lets it shrink' test "$status $(mailboxes)" = '0 12' -o "$status $(mailboxes)" = '0 13'
fi
tenant='"mailboxes":25,"all":false'
row 'a tenant in which all may suddenly send' 3 'send that may not' same ''
tenant='"mailboxes":25'

# ---- what Exchange Online closes ----

if [[ 'closes' =~ $only ]]; then
    open='"patch":{"Get-TransportConfig":{"SmtpClientAuthenticationDisabled":false}}'
    NOTICES='alerts = ( { command = ["/bin/true"]; } );'
    conf
    reset_directory
    standin_scenario "{\"tenants\":{\"$STANDIN_TENANT\":{$tenant,$open}}}"
    run sync --force
    check 'an organization that opens is told of' grep -q 'notice: contoso: [0-9]* mailboxes may send from now on' "$work/out"
    check 'with a notice' test "$(notices)" = 1
    standin_scenario "{\"tenants\":{\"$STANDIN_TENANT\":{$tenant}}}"
    cp -a "$work/dir" "$work/open"
    run sync
    check 'one that closes is closed at once' test "$status" = 0
    check 'and who it meets is told' grep -q 'notice: contoso: [0-9]* mailboxes are refused from now on; which of them sent lately is not known: ' "$work/out"
    check 'with a notice, too' test "$(notices)" = 2
    rm -rf "$work/dir" && mv "$work/open" "$work/dir"

    # A login that sends through the relay, as Postfix asks about it, and is then shut out.
    { cat "$work/postern.conf"; echo "state = { file = \"$work/state\"; }; policyd = { listen = \"unix:$work/policyd.sock\"; };"; } >"$work/relay.conf"
    "${mirror%-mirror}-policyd" -c "$work/relay.conf" 2>"$work/policyd.log" &
    policyd=$!
    relay_wait relay_listens_at "$work/policyd.sock"
    asked=$(/usr/bin/python3 tests/faults/policy.py ask "$work/policyd.sock" user0000000@contoso.example \
        encryption_protocol=TLSv1.3)
    kill $policyd && wait $policyd
    cp "$work/policyd.log" "$work/out"
    check 'a login of an open organization sends' test "$asked" = DUNNO
    cp -a "$work/dir" "$work/open"
    run sync
    check 'and is named when the organization closes' grep -q \
        'are refused from now on; 1 of them sent in the last 30 days: user0000000@contoso.example (last 20..-..-..)$' "$work/out"
    check 'in the notice, too' grep -rqs '"sender_1": "user0000000@contoso.example"' "$work/spool/alerts"
    rm -rf "$work/dir" "$work/spool" && mv "$work/open" "$work/dir"

    conf '' 'closing = "wait";'
    run sync
    check 'unless it shall wait' grep -q 'refused, and nothing has changed: Exchange Online disabled, restricted or removed' "$work/out"
    check 'with status 3 and a notice' test "$status $(notices)" = '3 1'
    run sync
    check 'which is not repeated each time' test "$status $(notices)" = '3 1'
    run sync --force
    check '--force applies it' test "$status $(notices)" = '0 2'
    NOTICES=
    conf
fi

# ---- TLS ----

for kind in expired wronghost selfsigned unknownca tls11 plaintext; do
    row "TLS: $kind" 1 'nothing has changed' same "\"tls\":\"$kind\""
done

# ---- signing in ----

conf '' '' "secret_file = \"$STANDIN_SECRET_FILE\";"
row 'a client secret' 0 '1 changed' new ''
conf '' '' "federated_token_file = \"$STANDIN_FEDERATED_FILE\";"
row 'a federated token' 0 '1 changed' new ''
conf '' '' "certificate_file = \"$STANDIN_CLIENT_P12\"; passphrase_file = \"$STANDIN_P12_PASS\";"
row 'PKCS#12' 0 '1 changed' new ''
conf '' '' "certificate_file = \"$STANDIN_CLIENT_CERT\"; key_file = \"$STANDIN_KEY_ENC\"; passphrase_file = \"$STANDIN_P12_PASS\";"
row 'an encrypted key' 0 '1 changed' new ''
conf 'algorithm = "RS256";'
row 'RS256' 0 '1 changed' new ''
conf '' '' "certificate_file = \"$STANDIN_OTHER_CERT\"; key_file = \"$STANDIN_OTHER_KEY\";"
row 'a certificate that is not registered' 1 'AADSTS700027.*not registered' same ''
conf '' '' "certificate_file = \"$STANDIN_CLIENT_CERT\"; key_file = \"$STANDIN_OTHER_KEY\";"
row 'a key of another certificate' 1 'do not belong together' same ''
cp "$STANDIN_SECRET_FILE" "$work/open-secret"
chmod 644 "$work/open-secret"
conf '' '' "secret_file = \"$work/open-secret\";"
row 'a secret that others may read' 1 'others may read' same ''
printf 'wrong\n' >"$work/wrong-secret"
chmod 600 "$work/wrong-secret"
conf '' '' "secret_file = \"$work/wrong-secret\";"
row 'a wrong secret' 1 'AADSTS7000215' same ''
conf
row 'a sign-in that a proxy answers' 1 'sign-in: HTTP 403 with a page for people.*proxy or firewall' same "$(fault '"name":"html","status":403,"on":"token"')"
row 'or a captive portal' 1 'sign-in: HTTP 200 with a page for people.*proxy or firewall' same "$(fault '"name":"html","on":"token"')"
row 'an application that the tenant does not have' 1 'AADSTS7000229.*has to consent' same "$(fault '"name":"token_error","code":7000229')"
row 'a clock that is wrong' 1 'AADSTS700024.*clock' same '"clock_skew":7200'
conf '' 'deadline = "10s";'
export https_proxy=http://canary-user:canary-password@127.0.0.1:1
row 'a proxy is named, but not its password' 1 'through the proxy 127.0.0.1:1 (from https_proxy)' same ''
check 'the password of the proxy is not in the output' bash -c "! grep -q canary '$work/out'"
export https_proxy=http://127.0.0.1:$STANDIN_PROXY_PORT
row 'a proxy that wants a password is asked once' 1 'the proxy wants a user and a password (HTTP 407)' same '"proxy_status":407'
[[ ! 'a proxy that wants a password' =~ $only ]] || check 'and not again and again' test "$(grep -c '"event": *"proxy"' "$STANDIN_LOG")" = 1
row 'a proxy that forbids the way is asked once' 1 'the proxy does not open the way (HTTP 403)' same '"proxy_status":403'
[[ ! 'a proxy that forbids the way' =~ $only ]] || check 'neither is this one asked again' test "$(grep -c '"event": *"proxy"' "$STANDIN_LOG")" = 1
row 'a proxy that is busy is asked again' 1 'the proxy does not open the way (HTTP 503); again in' same '"proxy_status":503'
unset https_proxy
conf

# ---- disabled accounts and closed domains ----

if [[ 'accounts' =~ $only ]]; then
    reset_directory
    standin_scenario "{\"tenants\":{\"$STANDIN_TENANT\":{$tenant,\"changes\":[{\"mailbox\":1,\"set\":{\"AccountDisabled\":true}}],\"patch\":{\"Get-AcceptedDomain\":{\"SendingFromDomainDisabled\":true}}}}}"
    run sync
    check 'a disabled account is told' grep -q 'user0000001@contoso.example: account enabled → disabled' "$work/out"
    check 'so is whom that shuts out' grep -q 'notice: contoso: 1 mailboxes are refused from now on' "$work/out"
    "$mirror" show -c "$work/postern.conf" user0000001@contoso.example >"$work/out"
    check 'and it is in the directory' grep -q 'sign-in of the account  *disabled' "$work/out"
    "$mirror" show -c "$work/postern.conf" user0000007@contoso.example >"$work/out"
    check 'as a shared mailbox has it all the time' grep -q 'sign-in of the account  *disabled' "$work/out"
    explains user0000001 user0000001 >"$work/out"
    check 'and explain knows it' grep -q 'account-disabled' "$work/out"
    explains user0000002 user0000002 >"$work/out"
    check 'and the domain that is closed' grep -q 'sender-domain-disabled' "$work/out"
    standin_scenario "{\"tenants\":{\"$STANDIN_TENANT\":{$tenant}}}"
    run sync
    check 'and opens again with the account' grep -q 'user0000001@contoso.example: account disabled → enabled' "$work/out"
fi

# ---- groups ----

if [[ 'groups' =~ $only ]]; then
    # may LOGIN SENDER: "permitted" or "not permitted"
    may() { explains "$1" "$2" | sed -n 's/^ *sender *//p' | tail -n 1; }
    groups='"groups":[{"name":"Sales Team","address":"sales@contoso.example","members":["user0000002@contoso.example","inner@contoso.example"]},{"name":"Inner","address":"inner@contoso.example","members":["user0000001@contoso.example","sales@contoso.example"]},{"name":"Others","address":"others@contoso.example","members":["user0000005@contoso.example"]}],"mail_users":[{"name":"Partner","address":"partner@contoso.example"}]'
    right() { printf '{"Identity":"%s","Trustee":"%s","AccessControlType":"Allow","AccessRights":["SendAs"]}' "$1" "$2"; }
    rights="\"rows\":{\"Get-RecipientPermission\":[$(right user0000003 'Sales Team'),$(right others user0000001@contoso.example),$(right partner 'User 0000002')]}"
    grouped() { standin_scenario "{\"tenants\":{\"$STANDIN_TENANT\":{$tenant,$groups,$rights${1:+,$1}}}${2:+,$2}}"; }
    reset_directory
    grouped
    standin_forget
    run sync
    check 'the members of a group that holds a right are read' grep -q 'Get-DistributionGroupMember: 2 groups' "$work/out"
    check 'no other group is asked about' test "$(standin_requests | awk '$2 == "Get-DistributionGroupMember" { print $1 }')" = 2
    check 'a member has the right of his group' test "$(may user0000002 user0000003)" = permitted
    check 'so has one of a group in it' test "$(may user0000001 user0000003)" = permitted
    check 'nobody else has' test "$(may user0000005 user0000003)" = 'not permitted'
    check 'one may send as a group' test "$(may user0000001 others)" = permitted
    check 'its member may not for that' test "$(may user0000005 others)" = 'not permitted'
    check 'one may send as a mail user, and be named by a display name' test "$(may user0000002 partner)" = permitted
    grouped '' '"faults":[{"name":"error_in_200","cmdlet":"Get-DistributionGroupMember"}]'
    run sync
    check 'members that cannot be read leave the rights as they are' test "$status $(may user0000001 user0000003)" = '4 permitted'
    check 'and that is said' grep -q "and so the rights of groups aren't known" "$work/out"
    grouped '"forbidden":["Get-DistributionGroupMember"]'
    run sync
    check 'where they may not be read, groups have no rights' test "$status $(may user0000001 user0000003)" = '4 not permitted'
    check 'and the missing role is named' grep -q 'not permitted: .*Get-DistributionGroupMember' "$work/out"
    check 'and other rights hold' test "$(may user0000001 others)" = permitted
    grouped '"forbidden":["Get-Recipient"]'
    run sync
    check 'without the list of recipients those that were known stay' test "$status $(may user0000001 others)" = '4 permitted'
    hve='{"name":"Scanners","address":"hve@contoso.example","type":"HVEAccount"}'
    groups=${groups/'"mail_users":['/"\"mail_users\":[$hve,"}
    grouped
    run sync
    check 'an account for High Volume Email is known as what it is' \
        test "$("$mirror" show -c "$work/postern.conf" hve@contoso.example | sed -n 's/^  type  *//p')" = 'high volume email'
    explains hve hve >"$work/out"
    check 'and explain says why it may not sign in here' grep -q 'an account for High Volume Email, which signs in at' "$work/out"
    grouped '' '"faults":[{"name":"error_in_200","cmdlet":"Get-MailUser"}]'
    run sync
    check 'a cloud that has none is no failure' test "$status" = 0
    groups=${groups/'"user0000001@contoso.example","sales@contoso.example"'/'"sales@contoso.example"'}
    grouped
    run sync
    check 'who leaves the group loses the right' test "$status $(may user0000001 user0000003)" = '0 not permitted'
    check 'who stays keeps it' test "$(may user0000002 user0000003)" = permitted
    standin_scenario "{\"tenants\":{\"$STANDIN_TENANT\":{$tenant}}}"
fi

# ---- restricted senders ----

if [[ 'restricted' =~ $only ]]; then
    reset_directory
    standin_scenario "{\"tenants\":{\"$STANDIN_TENANT\":{$tenant,\"rows\":{\"Get-BlockedSenderAddress\":[{\"SenderAddress\":\"User0000001@contoso.example\",\"Reason\":\"OutboundSpam\"}]}}}}"
    run sync
    check 'a restricted sender is marked' grep -q 'user0000001@contoso.example: restricted by Exchange Online no → yes' "$work/out"
    "$mirror" show -c "$work/postern.conf" user0000001@contoso.example >"$work/out"
    check 'and is so in the directory' grep -q 'restricted  *yes' "$work/out"
    standin_scenario "{\"tenants\":{\"$STANDIN_TENANT\":{$tenant,\"forbidden\":[\"Get-BlockedSenderAddress\"]}}}"
    run sync
    "$mirror" show -c "$work/postern.conf" user0000001@contoso.example >"$work/out"
    check 'stays so while the list may not be read' grep -q 'restricted  *yes' "$work/out"
    standin_scenario "{\"tenants\":{\"$STANDIN_TENANT\":{$tenant}}}"
    run sync
    check 'and is lifted with the list' grep -q 'restricted by Exchange Online yes → no' "$work/out"
fi

# ---- runs ----

if [[ 'runs' =~ $only ]]; then
    reset_directory
    scenario ''
    run sync --dry-run
    check 'a dry run prints the difference' grep -q 'SMTP AUTH inherit → disabled' "$work/out"
    check 'and writes nothing' test "$status $(state)" = "0 $before"

    scenario '"latency":0.2'
    standin_forget
    "$mirror" sync -c "$work/postern.conf" >/dev/null 2>&1 &
    first=$!
    relay_wait grep -q '"event": *"request"' "$STANDIN_LOG"
    kill -STOP $first # or it might be done before the second one begins
    run sync
    check 'a second run for the same tenant does not begin' grep -q 'another run for this tenant' "$work/out"
    kill -9 $first
    wait $first 2>/dev/null
    check 'a killed run changes nothing' test "$(state)" = "$before"
    scenario ''
    run sync
    check 'and does not keep the next one out' test "$status $(setting user0000000)" = '0 disabled'

    reset_directory
    sed "s/^tenants = ( {.*/&/; s/ } );\$/ }, { name = \"fabrikam\"; exchange = { tenant_id = \"$STANDIN_TENANT_2\"; application = \"$STANDIN_CLIENT_ID\"; secret_file = \"${STANDIN_SECRET_FILE//\//\\/}\"; ca_file = \"${STANDIN_CA//\//\\/}\"; hosts = { login = \"localhost:$STANDIN_PORT\"; exchange = \"localhost:$STANDIN_PORT\"; graph = \"graph.localhost:$STANDIN_PORT\"; }; }; } );/" \
        "$work/postern.conf" >"$work/two.conf"
    mv "$work/two.conf" "$work/postern.conf"
    standin_scenario "{\"tenants\":{\"$STANDIN_TENANT\":{$tenant,$change},\"$STANDIN_TENANT_2\":{\"domain\":\"fabrikam.example\",\"initial_domain\":\"fabrikamexample.onmicrosoft.com\",\"mailboxes\":7,\"seed\":2}},\"faults\":[{\"name\":\"html\",\"tenant\":\"$STANDIN_TENANT\",\"cmdlet\":\"Get-Mailbox\"}]}"
    run sync
    check 'of two tenants one fails' test "$status" = 1
    check 'alone: the other comes in' grep -q 'fabrikam: 7 mailboxes' "$work/out"
    check 'and the first is as it was' test "$(setting user0000000)" = 'inherit, from the organization: disabled'
    conf

    mkdir "$work/small"
    if mount -t tmpfs -o size=1200k tmpfs "$work/small" 2>/dev/null; then
        cp -a "$work/base/." "$work/small/"
        rm -rf "$work/dir" && ln -s "$work/small" "$work/dir"
        standin_scenario "{\"tenants\":{\"$STANDIN_TENANT\":{\"mailboxes\":6000}}}"
        sed -i 's/page_size = 10/page_size = 1000/' "$work/postern.conf"
        run sync
        check 'a full disk fails the run' grep -q 'No space left\|failed, and nothing has changed' "$work/out"
        check 'and leaves the last good directory' test "$status $(state)" = "1 $before"
        rm "$work/dir"
        umount "$work/small"
        conf
    fi
fi

# ---- doctor and write-back ----

if [[ 'doctor' =~ $only ]]; then
    reset_directory
    scenario ''
    run doctor
    check 'the doctor finds everything in place' grep -q 'everything is in place' "$work/out"
    check 'with status 0' test "$status" = 0
    scenario '"app_role":false'
    run doctor
    check 'the doctor names the missing application permission' grep -q 'FAIL  application permission .*Exchange.ManageAsApp' "$work/out"
    check 'and goes no further' bash -c "! grep -q Get-CASMailbox '$work/out'"
    scenario '"directory_role":false'
    run doctor
    check 'the doctor names the missing role' grep -q 'FAIL  Get-CASMailbox .*View-Only Recipients' "$work/out"
    check 'with status 1' test "$status" = 1
    scenario '"tls":"expired"'
    run doctor
    check 'the doctor stops at TLS' grep -q 'FAIL  TLS ' "$work/out"
fi

nothing_was_set() { ! standin_requests | grep -q Set-; }
if [[ 'write-back' =~ $only ]]; then
    reset_directory
    standin_scenario "{\"tenants\":{\"$STANDIN_TENANT\":{$tenant}}}"
    run disable --yes user0000001@contoso.example
    check 'a write-back is refused unless the configuration allows it' grep -q 'no exchange.writeback = true' "$work/out"
    conf 'writeback = true;'
    run disable user0000001@contoso.example
    check 'and without a terminal to ask on' grep -q 'no terminal' "$work/out"
    run disable --yes user0000001@contoso.example
    check 'a write-back says before and after' grep -q 'SMTP AUTH enabled → disabled' "$work/out"
    run sync
    check 'and Exchange Online has it' test "$(setting user0000001)" = disabled
    run disable --yes user0000001@contoso.example
    check 'what is so already is left alone' grep -q 'nothing to do' "$work/out"
    run inherit --yes user0000001@contoso.example
    check 'back to inherit' grep -q 'SMTP AUTH disabled → inherit' "$work/out"
    run enable --yes nobody@contoso.example
    check 'a mailbox that does not exist' grep -q 'no such mailbox' "$work/out"
    standin_scenario "{\"unknown_identity\":\"all\",\"tenants\":{\"$STANDIN_TENANT\":{$tenant}}}"
    standin_forget
    run enable --yes nobody@contoso.example
    check 'an answer with all mailboxes is not taken for one' test "$status" = 1
    check 'and nothing was set' nothing_was_set
fi

echo "1..$number"
[ $bad -eq 0 ]
