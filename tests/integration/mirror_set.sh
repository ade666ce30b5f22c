#!/bin/bash
# "postern-mirror set" against the Exchange Online stand-in: many mailboxes by whatever names, the organization's switch; each
# refusal and each partial failure, with what Exchange Online has afterwards, and what the directory has. TAP lines.
set -u
cd "$(dirname "$0")/../.." || exit 1
. scripts/relay.sh
. tests/e2e/lib.sh
. tests/standin/standin.sh
build=${BUILD:-build/asan}
[ -x "$build/postern-mirror" ] || build=build/release
mirror=$(realpath "$build/postern-mirror")
T= # tests/e2e/lib.sh: no relay runs
work=$(mktemp -d "${TMPDIR:-/tmp}/postern-set.XXXXXX")
trap 'standin_stop; rm -rf "$work"' EXIT
unset http_proxy https_proxy HTTPS_PROXY all_proxy ALL_PROXY no_proxy NO_PROXY CREDENTIALS_DIRECTORY

# conf WRITEBACK [MORE [OF THE MIRROR]]
conf()
{
    cat >"$work/postern.conf" <<END
directory = "$work/dir"; journal = "$work/journal"; spool = "$work/spool"; log = { to = "stderr"; }; ${2:-}
mirror = { page_size = 1000; ${3:-} };
tenants = ( { name = "contoso"; domains = ["contoso.example"];
    exchange = { tenant_id = "$STANDIN_TENANT"; application = "$STANDIN_CLIENT_ID"; writeback = $1; ca_file = "$STANDIN_CA";
        certificate_file = "$STANDIN_CLIENT_CERT"; key_file = "$STANDIN_CLIENT_KEY";
        hosts = { login = "localhost:$STANDIN_PORT"; exchange = "localhost:$STANDIN_PORT";
                  graph = "graph.localhost:$STANDIN_PORT"; }; }; } );
END
}
# scenario [MEMBERS [OF THE TENANT]]
scenario() { standin_scenario "{\"tenants\":{\"$STANDIN_TENANT\":{\"mailboxes\":60${2:+,$2}}}${1:+,$1}}"; }
fault() { printf '"faults":[{%s}]' "$1"; }
# run COMMAND...: prints the output and, last, the exit status. Whether the rest says it is the test's matter.
run()
{
    "$mirror" "$@" -c "$work/postern.conf" 2>&1 </dev/null
    echo "status $?"
}
set_by_service() { grep -c '"write": *{' "$STANDIN_LOG"; }
# What the directory has of user NUMBER; and what Exchange Online has, which another directory is asked for.
here() { "$mirror" show -c "$work/postern.conf" "user000000$1" 2>&1 | sed -n 's/^  SMTP AUTH  *\([a-z]*\).*/\1/p'; }
online()
{
    rm -rf "$work/other"
    "$mirror" sync -c "$work/postern.conf" -d "$work/other" >/dev/null 2>&1
    "$mirror" show -c "$work/postern.conf" -d "$work/other" "user000000$1" 2>&1 | sed -n 's/^  SMTP AUTH  *\([a-z]*\).*/\1/p'
}
generation() { "$mirror" show -c "$work/postern.conf" | sed -n 's/^generation //p'; }
# All ten as they were at first, in Exchange Online, the directory and the record.
afresh()
{
    scenario
    conf true
    run set inherit --yes user000000{0,4,7,8} >/dev/null
    run set enabled --yes user000000{1,2,5} >/dev/null
    run set disabled --yes user000000{3,6,9} >/dev/null
    rm -rf "$work/dir"
    cp -a "$work/base" "$work/dir"
    standin_forget
}

standin_start "{\"tenants\":{\"$STANDIN_TENANT\":{\"mailboxes\":60}}}" || { echo 'not ok the stand-in starts'; exit 1; }
conf true
mkdir "$work/dir"
run sync >/dev/null
cp -a "$work/dir" "$work/base"

# ---- several on the command line, by whatever names ----
standin_forget
is 'several are set at once, by whatever names' "$(run set disabled --yes user0000001 'USER 0000002' user0000005@contosoexample.onmicrosoft.com upn0000004@contoso.example)" \
    '*user0000001@contoso.example: SMTP AUTH enabled → disabled, in Exchange Online itself*user0000002@*user0000005@*user0000004@contoso.example: SMTP AUTH inherit → disabled*4 mailboxes in all*4 of 4 mailboxes set*status 0'
is 'each with one look and one change' "$(standin_requests | tr '\n' ' ')" '4 Get-CASMailbox 4 Set-CASMailbox 1 token '
is 'and the directory has them, in one generation' "$(here 1) $(here 2) $(here 5) $(here 4) $(generation)" 'disabled disabled disabled disabled 2'
is 'as Exchange Online has' "$(online 1) $(online 2) $(online 5) $(online 4)" 'disabled disabled disabled disabled'
is 'but the settings are no younger for it' "$("$mirror" show -c "$work/postern.conf" | grep "mailboxes' settings")" \
    "$("$mirror" show -c "$work/postern.conf" -d "$work/base" | grep "mailboxes' settings")"
is 'a Guid is a name, too' "$(run set inherit --yes 00000001-3C5E-4b7a-9d21-000000010000)" '*user0000001@contoso.example: SMTP AUTH disabled → inherit*status 0'
is 'so is what Entra calls it, which Exchange Online is asked for' "$(run set enabled --dry-run 00000003-81d4-4c02-b6e7-000000010000)" '*user0000003@contoso.example: SMTP AUTH disabled → enabled*status 0'
standin_forget
is 'what is so already is left alone' "$(run set inherit --yes user0000001 user0000000; set_by_service)" \
    '*user0000001@contoso.example: SMTP AUTH is inherit already; nothing to do*status 0*0'
is 'two names of one mailbox are one' "$(run set enabled --yes user0000001 user0000001@contoso.example 'User 0000001'; set_by_service)" '*1 of 1 mailboxes set*status 0*1'

# ---- a file ----
afresh
printf '\xef\xbb\xbf# who may go\r\nuser0000001\r\n\r\n  user0000002@contoso.example  # Bert\r\nUSER0000001@contoso.example' >"$work/list"
is 'a file is read with comments, blank lines, a byte order mark and CRLF' "$(run set disabled --yes --file "$work/list")" '*2 of 2 mailboxes set*status 0'
is 'and so is standard input' "$("$mirror" set enabled --yes --file - -c "$work/postern.conf" <"$work/list" 2>&1; echo "status $?")" '*2 of 2 mailboxes set*status 0'
is 'both are in the directory' "$(here 1) $(here 2)" 'enabled enabled'
is 'an empty list is a mistake' "$(echo '# nobody' >"$work/none"; run set enabled --yes --file "$work/none")" '*none holds no name of a mailbox*status 1'
is 'a file that is not there, too' "$(run set enabled --yes --file "$work/nowhere")" '*nowhere*status 1'
is 'so is no name at all' "$(run set enabled --yes)" '*name at least one mailbox*status 2'
is 'and a setting that is none' "$(run set off user0000001)" '*enabled, disabled or inherit*"off"*status 2'
is 'very many names are several runs' "$(seq -f 'user%07g' 1 10001 >"$work/many"; run set enabled --yes --file "$work/many")" '*more than 10000 names*status 1'

# ---- the question ----
afresh
is 'nothing is set without a terminal or --yes' "$(run set disabled user0000001 user0000002; set_by_service)" '*2 mailboxes in all*no terminal to ask on*status 1*0'
is 'a dry run says what would be' "$(run set disabled --dry-run user0000001 user0000002; set_by_service; here 1)" '*enabled → disabled*nothing was set (--dry-run)*status 0*0*enabled'
is 'the list is bounded, with the number' "$(seq -f 'user%07g' 0 59 >"$work/all"; run set disabled --dry-run --file "$work/all" | tail -n 4)" 'and 22 more*42 mailboxes in all*nothing was set*status 0'
if [ -x /usr/bin/script ]; then
    answer() { script -qec "$mirror set disabled -c '$work/postern.conf' user0000001 nobody user0000002" /dev/null <<<"$1" 2>&1; echo "status $?"; }
    is 'on a terminal it is asked for' "$(answer no; here 1)" '*"nobody": *Type "yes" to do it: *nothing was done*status 1*enabled'
    is 'and yes sets the others, with progress on the way' "$(answer yes; here 1; here 2)" '*looking up: 0 of 3*are left out*setting: 0 of 2*2 of 2 mailboxes set*were left out: 1*status 5*disabled*disabled'
fi

# ---- names that are nobody's ----
afresh
printf '%s\n' user0000001 nobody@contoso.example user0000002 'Two Words' >"$work/list"
is 'a name that nobody has is said with its line, and nothing is set' "$(run set disabled --yes --file "$work/list"; set_by_service; here 1)" \
    '*list:2: "nobody@contoso.example": there is no such mailbox*list:4: "Two Words": *refused, and nothing was set: 2 of 4 names*status 3*0*enabled'
is 'unless it is forced' "$(run set disabled --yes --force --file "$work/list"; here 1; here 2)" '*2 of 2 mailboxes set*were left out: 2*status 5*disabled*disabled'
is 'one name alone fails as it always did' "$(run disable --yes nobody@contoso.example)" '*there is no such mailbox in Exchange Online*status 1'
seq -f 'nobody%g' 1 12 >"$work/list"
echo user0000003 >>"$work/list"
is 'any number of them does not end the run' "$(run set enabled --yes --force --file "$work/list" | grep -c 'no such mailbox'; here 3)" '12*enabled'
is 'and a name as long as a line is just nobody'\''s' "$(run set enabled --dry-run user0000006 "$(printf '%01000d' 7)")" '*no such mailbox*status 3'
twins='"changes":[{"mailbox":11,"set":{"DisplayName":"Twin"}},{"mailbox":12,"set":{"DisplayName":"Twin"}}]'
scenario '' "$twins"
run sync >/dev/null
is 'a name that two have is said with both' "$(run set disabled --yes user0000003 Twin; set_by_service)" \
    '*"Twin": it is the display name of user0000011@contoso.example and user0000012@contoso.example: which one?*status 3*'
is 'show does the same' "$(run show Twin; run show 'User 0000001')" '*which one? Give an address*status 1*user0000001@contoso.example in contoso*status 0'
standin_scenario "{\"unknown_identity\":\"all\",\"tenants\":{\"$STANDIN_TENANT\":{\"mailboxes\":60}}}"
standin_forget
is 'an answer with all mailboxes is not taken for one' "$(run set enabled --yes nobody user0000009 --force; set_by_service)" '*"nobody": Exchange Online answered with several*1 of 1 mailboxes set*status 5*1'

# ---- a row that fails ----
afresh
scenario "$(fault '"name":"server_error","cmdlet":"Set-CASMailbox","mailbox":2,"status":400,"message":"outside of your write scope"')"
is 'a row that fails does not stop the others, and has the words of the service' "$(run set disabled --yes user0000001 user0000002 user0000005)" \
    '*user0000002@contoso.example: not set: *outside of your write scope*2 of 3 mailboxes set*1 of 3 mailboxes were not set*status 5'
is 'what was set is in the directory, and nothing else' "$(here 1) $(here 2) $(here 5); $(online 1) $(online 2) $(online 5)" 'disabled enabled disabled; disabled enabled disabled'
afresh
scenario "$(fault '"name":"error_in_200","cmdlet":"Set-CASMailbox","mailbox":1')"
is 'an error with status 200 is one' "$(run set disabled --yes user0000001 user0000002; here 1; here 2)" '*user0000001@contoso.example: not set: *answered 200, but with an error*status 5*enabled*disabled'
is 'also of the only row' "$(run set disabled --yes user0000001; here 1)" '*failed after it had begun*status 1*enabled'
afresh
scenario "$(fault '"name":"not_found","cmdlet":"Set-CASMailbox","mailbox":1')"
is 'a mailbox that went meanwhile' "$(run set disabled --yes user0000001 user0000002; here 1; here 2)" '*user0000001@contoso.example: not set: there is no such mailbox*(any more)*status 5*enabled*disabled'
afresh
scenario "$(fault '"name":"server_error","cmdlet":"Set-CASMailbox","status":400,"message":"not today"')"
is 'ten in a row are enough' "$(seq -f 'user%07g' 20 50 >"$work/thirty"; run set disabled --yes --file "$work/thirty"; standin_requests | grep Set-)" '*not today*more were not tried*status 1*10 Set-CASMailbox'

afresh
scenario "$(fault '"name":"server_error","cmdlet":"Get-CASMailbox","status":400,"message":"not today"')"
is 'so they are when it is the look-ups that fail' "$(run set disabled --yes --file "$work/thirty"; standin_requests | grep CAS)" '*10 look-ups in a row failed: *not today*status 1*10 Get-CASMailbox'

# ---- what would stop every row ----
afresh
scenario '' '"forbidden":["Set-CASMailbox"]'
is 'without the role for it the run stops at the first' "$(run set disabled --yes user0000001 user0000002 user0000005; standin_requests | grep Set-; here 1)" \
    '*may not use it (HTTP 403); it needs the Exchange role Mail Recipients*2 more were not tried*status 1*1 Set-CASMailbox*enabled'
afresh
scenario "$(fault '"name":"forbidden_nul","cmdlet":"Set-CASMailbox","skip":1')"
is 'so it does when the role is taken away in the middle' "$(run set disabled --yes user0000001 user0000002 user0000005; here 1; here 2; here 5)" '*1 more were not tried*1 of 3 mailboxes set*2 of 3 mailboxes were not set*status 5*disabled*enabled*enabled'
afresh
scenario "$(fault '"name":"token_error","code":7000222')"
is 'an expired secret stops it before anything' "$(run set disabled --yes user0000001 user0000002; set_by_service)" '*7000222*status 1*0'
afresh
scenario "$(fault '"name":"token_ends","cmdlet":"Set-CASMailbox","skip":1')"
is 'a token that ends in the middle is renewed' "$(run set disabled --yes user0000001 user0000002 user0000005; here 5)" '*signing in again*3 of 3 mailboxes set*status 0*disabled'
scenario '' '"forbidden":["Get-CASMailbox"]'
is 'without the right to look nothing is set' "$(run set enabled --yes user0000001 user0000002; set_by_service)" '*it needs the Exchange role View-Only Recipients*status 1*'
afresh
conf false
is 'nor where the configuration does not allow it' "$(run set disabled --yes user0000001 user0000002; standin_requests | wc -l)" '*no exchange.writeback = true*status 1*0'

# ---- interrupted ----
afresh
# While the service makes it wait at the fourth of seven.
scenario "$(fault '"name":"throttled","cmdlet":"Set-CASMailbox","mailbox":4,"times":1,"retry_after":10')"
"$mirror" set disabled --yes user000000{1,2,5,4,0,7,8} -c "$work/postern.conf" >"$work/out" 2>&1 </dev/null &
until grep -q '"fault": *"throttled"' "$STANDIN_LOG" || ! kill -0 $! 2>/dev/null; do sleep 0.05; done
kill $!
wait $!
is 'a run that is interrupted ends behind the mailbox that it is at, and says what it did not try' "$? $(cat "$work/out")" '5 *3 more were not tried: the run was interrupted*4 of 7 mailboxes set*'
scenario
is 'what was set until then is in the directory' "$(here 1) $(here 2) $(here 8); $(online 1) $(online 2) $(online 8)" 'disabled disabled inherit; disabled disabled inherit'

# ---- throttling ----
afresh
scenario "$(fault '"name":"throttled","cmdlet":"Set-CASMailbox","skip":1,"times":2,"retry_after":1')"
is 'throttling in the middle is waited for' "$(run set disabled --yes user0000001 user0000002 user0000005; here 5)" '*Retry-After: 1*3 of 3 mailboxes set*status 0*disabled'

# ---- the directory ----
afresh
is 'a mailbox that the directory lacks is set, and comes with the next sync' "$(rm -rf "$work/dir"; mkdir "$work/dir"; run set disabled --yes user0000001; online 1)" '*applies it after the next "postern-mirror sync"*status 0*disabled'
afresh
conf true 'alerts = ( { command = ["/bin/true"]; } );'
is 'who is shut out is told' "$(run set disabled --yes user0000001 >/dev/null; grep -l '"event": "settings"' "$work"/spool/alerts/*.json | wc -l)" 1
afresh
conf true '' 'closing = "wait"; max_change = 0;'
is 'what was confirmed does not wait as a sync would' "$(run set disabled --yes user000000{0,1,2,4,5,7,8}; here 1)" '*7 of 7 mailboxes set*status 0*disabled'
afresh
is 'a run of the mirror that is going on is waited for' "$(flock "$work/dir/.sync-contoso.lock" sleep 2 & sleep 0.5; run set disabled --yes user0000001; here 1)" '*status 0*disabled'
afresh
is 'a directory that cannot be written is said, and what was set' "$(rm -f "$work/dir/lock"; mkdir "$work/dir/lock"; run set disabled --yes user0000001 user0000002; set_by_service)" \
    '*2 of 2 mailboxes set; *after the next "postern-mirror sync"*2 mailboxes were set, but the directory could not be written: *status 5*2'
afresh
is 'with a damaged one nothing is set' "$(rm -f "$work/dir/current"; mkdir "$work/dir/current"; run set disabled --yes user0000001; set_by_service)" '*status 1*0'

afresh
scenario '' '"changes":[{"mailbox":1,"set":{"PrimarySmtpAddress":"renamed@contoso.example","EmailAddresses":["SMTP:renamed@contoso.example","smtp:user0000001@contoso.example"]}}]'
is 'a mailbox with another primary address by now is the same one' "$(run set disabled --yes user0000001; here 1)" '*renamed@contoso.example: SMTP AUTH enabled → disabled*status 0*disabled'
afresh
printf '%s\n' '"PrimarySmtpAddress","SmtpClientAuthenticationDisabled","OWAEnabled"' '"user0000001@contoso.example","False","True"' '"user0000002@contoso.example","False","True"' >"$work/cas.csv"
is 'a directory from an export without Guids keeps each mailbox once' "$(rm -rf "$work/dir"; run import --tenant contoso "$work/cas.csv" >/dev/null; run set disabled --yes user0000001@contoso.example >/dev/null; run show user0000001@contoso.example | grep -c ' in contoso'; run show | grep mailboxes)" '1*  mailboxes  *2*'

# ---- the doctor ----
afresh
is 'the doctor says whether it may write' "$(run doctor)" '*ok *write-back *Set-CASMailbox may be used; Set-TransportConfig may, too*status 0'
scenario '' '"forbidden":["Set-TransportConfig"]'
is 'and that only the organization needs the other' "$(run doctor)" '*Set-TransportConfig may not, which only*status 0'
scenario '' '"forbidden":["Set-CASMailbox"]'
is 'without the right to write it is not in order' "$(run doctor; set_by_service)" '*FAIL *write-back *may not use Set-CASMailbox; it needs the Exchange role Mail Recipients*status 1*0'
scenario "$(fault '"name":"html","on":"module"')"
is 'what it cannot find out it says' "$(run doctor)" '*write-back *not known beforehand*status 0'
scenario
conf false
is 'where nothing may be written nobody asks' "$(run doctor | grep -c write-back)" 0

# ---- the organization ----
afresh
conf false
is 'the organization, too, is left alone unless the configuration allows it' "$(run set --organization enabled --yes; standin_requests | wc -l)" '*no exchange.writeback = true*status 1*0'
conf true
is 'a dry run says who would gain it' "$(run set --organization enabled --dry-run; set_by_service)" \
    'contoso: SMTP AUTH of the organization disabled → enabled*24 mailboxes of the directory would gain SMTP AUTH*they are: user0000000@contoso.example, *and 14 more*nothing was set*status 0*0'
is 'without a terminal nothing is set' "$(run set --organization enabled; set_by_service)" '*no terminal to ask on*status 1*0'
is 'it takes no mailboxes, and cannot inherit' "$(run set --organization enabled user0000001; run set --organization inherit)" '*status 2*status 2'
scenario '' '"forbidden":["Set-TransportConfig"]'
is 'without the role for it nothing is set' "$(run set --organization enabled --yes; here 0)" '*needs the Exchange role Organization Transport Settings*status 1*inherit'
scenario "$(fault '"name":"error_in_200","cmdlet":"Set-TransportConfig"')"
is 'nor with an error that comes with status 200' "$(run set --organization enabled --yes; run show | grep 'organization SMTP AUTH')" '*answered 200, but with an error*status 1*organization SMTP AUTH *disabled'
scenario
is 'the organization is set, and the directory has it' "$(run set --organization enabled --yes; run show | grep 'organization SMTP AUTH')" '*organization disabled → enabled*organization SMTP AUTH disabled → enabled*the relay applies it now*status 0*organization SMTP AUTH *enabled'
is 'as Exchange Online has' "$(run set --organization enabled --yes)" '*is enabled already; nothing to do*status 0'
is 'back again: who would lose it' "$(run set --organization disabled --yes)" '*24 mailboxes of the directory would lose SMTP AUTH*status 0'
rm -rf "$work/dir"
mkdir "$work/dir"
is 'without a directory nobody has looked, so that it is refused' "$(run set --organization enabled --yes)" '*it is not known who would lose or gain SMTP AUTH*refused, and nothing was set*status 3'
exit $status
