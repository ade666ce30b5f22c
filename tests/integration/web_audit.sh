#!/bin/bash
# The audit in postern-web: what "postern check-postfix --keep" leaves for it, whether that still holds, and what was accepted until when.
# TAP lines. Needs postconf. BUILD: the folder with programs.
set -u
cd "$(dirname "$0")/../.." || exit 1
. tests/integration/web_lib.sh
mkdir "$T/postfix" "$T/lib/spool"
cat >"$T/postern.conf" <<END
directory = "$T/lib/directory"; state = { file = "$T/lib/state"; entries = 1024; }; journal = "$T/lib/journal";
spool = "$T/lib/spool"; log = { to = "stderr"; }; preset = "none";
policyd = { listen = "unix:$T/run/policyd.sock"; }; milter = { listen = ""; };
web = { listen = { address = "unix:$T/run/web.sock"; mode = "0600"; }; };
END
printf '%s\n' '"Guid","PrimarySmtpAddress","SmtpClientAuthenticationDisabled"' \
    '"0a7d6d2c-0001-4b7e-9d55-000000000001","anna@contoso.example","False"' >"$T/cas.csv"
p() { "$build/postern" -c "$T/postern.conf" "$@"; }
"$build/postern-mirror" import -c "$T/postern.conf" --tenant contoso "$T/cas.csv" >"$T/mirror.log" 2>&1 || { cat "$T/mirror.log"; exit 1; }
token=$(p web-user token test --role reader --expires 1d 2>/dev/null)
bound=$(p web-user token bound --role reader --expires 1d --tenants contoso 2>/dev/null)
start policyd && start web || { cat "$T/web.log"; exit 1; }
get() { curl -sS --max-time 100 -H "Authorization: Bearer ${2:-$token}" --unix-socket "$T/run/web.sock" "http://localhost/api/v1/$1" 2>&1; }
now() { get check-postfix | jq -r "$1" 2>&1; }
state() { now '.data | "\(.state) \(.why)"'; }
kept=$T/lib/spool/checks/postfix.json

# ---- the last check of Postfix ----
if ! command -v postconf >/dev/null; then
    echo 'ok the check of Postfix # skip there is no postconf'
else
    cp conf/postfix/main.cf conf/postfix/master.cf "$T/postfix"
    sed -i '1i compatibility_level = 3.6' "$T/postfix/main.cf"
    relay_settled "$T/postfix/main.cf"
    keep() { p check-postfix --config-dir "$T/postfix" --keep; }

    is 'before the first check there is none, and that is said' "$(state)" 'none *not been checked yet*postern-check-postfix*'
    is 'it has no result' "$(now '.data | has("result")')" false
    is 'keeping one prints nothing' "$(keep 2>&1; echo $?)" 0
    is 'not everybody may read it' "$(stat -c %a "$T/lib/spool/checks" "$kept" | tr '\n' ' ')" '7?0 6?0 '
    becomes 'then it is there' state 'current null'
    becomes 'it is what the command line says, row by row' \
        'diff <(now .data.result | jq -S) <(p check-postfix --config-dir "$T/postfix" --json 2>/dev/null | jq -S) >"$T/diff" && echo same || cat "$T/diff"' same
    is 'there is something in it' "$(now '.data.result.findings | length > 3')" true
    is 'with its time and version' "$(now '.data | (.checked | test("^20..-..-..T..:..:..Z$") | tostring) + " " + .version')" 'true *.*'
    is 'who is bound to tenants does not get it' "$(get check-postfix "$bound" | jq -r .error)" '*tells no tenants apart*'

    echo '# changed' >>"$T/postfix/main.cf"
    becomes 'when main.cf changes, it says so' state "changed $T/postfix/main.cf has changed since"
    is 'the rows are still there' "$(now '.data.result.findings | length > 3')" true
    keep && becomes 'checked again it is right again' state 'current null'
    cp "$T/postfix/master.cf" "$T/aside" && mv "$T/aside" "$T/postfix/master.cf"
    becomes 'another file in the place of master.cf, too' state "changed $T/postfix/master.cf has changed since"
    keep && echo >>"$T/postern.conf"
    becomes 'and postern.conf' state 'changed *postern.conf has changed since'
    keep && mv "$T/postfix/main.cf" "$T/aside"
    becomes 'a file that is gone can not be compared' state 'changed *main.cf cannot be looked at*'
    is 'a check that fails is kept as one, with why' "$(keep 2>&1; echo $?)" '*main.cf*1'
    becomes 'and the older result is not shown in its place' 'state; now ".data | has(\"result\")"' 'failed *main.cf*false'
    mv "$T/aside" "$T/postfix/main.cf"
    keep && becomes 'then it is right again' state 'current null'

    # forge JQ: another file in its place.
    good=$(cat "$kept")
    forge() { jq -c "$1" <<<"$good" >"$T/forged" && mv "$T/forged" "$kept"; }
    forge '.version = "0.0.9"' && becomes 'one of another version is none' state 'other-version it was made by version 0.0.9, *'
    forge '.format = 2' && becomes 'nor is one of another form' state 'other-version *'
    forge '.at = 1700000000' && becomes 'an old one says that it is' state 'old it is not of the last two days*'
    forge '.at = 9999999999' && becomes 'one of the future is not to be trusted either' state 'old *'
    forge '.findings[0].id = "nonsense"' && becomes 'a rule that is none makes it unreadable' state 'unreadable *no result of check-postfix*'
    forge '.findings[0].severity = "worst"' && becomes 'a severity, too' state 'unreadable *'
    forge '.findings = [range(1000) as $i | .findings[0]]' && becomes 'more findings than are ever kept' state 'unreadable *'
    forge 'del(.skipped)' && becomes 'a part that is missing' state 'unreadable *'
    forge '.files[1].path = "/etc/shadow"' && becomes 'another file to compare with' state 'unreadable *'
    forge '.files[0].path = "/etc/other.conf"' && becomes 'a check of another configuration' state 'changed it was made with /etc/other.conf, *'
    printf '[[[[' >"$kept" && becomes 'what is no JSON' state 'unreadable it is no JSON object*'
    head -c 2000000 /dev/zero >"$kept" && becomes 'what is too long' state 'unreadable *at most 1048576 bytes*'
    : >"$kept" && becomes 'an empty file' state 'unreadable *'
    rm "$kept" && ln -s /etc/passwd "$kept" && becomes 'a link is not followed' state 'unreadable *'
    rm "$kept" && mkfifo "$kept" && becomes 'a FIFO is not waited for' state 'unreadable *'
    rm "$kept" && printf '%s' "$good" >"$kept"
    forge '.findings[0].evidence = "<img src=x onerror=alert(1)> \u202e\u0007 =HYPERLINK()" | .findings[0].where = "a" * 5000'
    becomes 'text that is not ours is cut and escaped' 'now ".data.result.findings | map(select(.evidence | test(\"img\"))) | .[0] | .evidence + \" \" + (.where | length | tostring)"' \
        '<img src=x onerror=alert(1)> ???? =HYPERLINK() 199'
    keep
    chmod 000 "$kept"
    [ "$(id -u)" -eq 0 ] || becomes 'one that may not be read says so' state 'unreadable *'
    chmod 640 "$kept"

    # ---- accepted, of Postfix ----
    rule=$(now '.data.result.findings[0].id')
    is 'a finding of Postfix is accepted by its rule' "$(p check-postfix --accept "$rule" --until "$(date -u -d '10 days' +%F)" --reason 'a test' 2>&1)" "*accepted $rule"
    becomes 'the page has it, without another check' "now '.data.result.findings[] | select(.id == \"$rule\") | \"\(.accepted) \(.accepted_why)\"' | sort -u" 'true a test'
fi

# ---- accepted findings ----
audit() { get audit | jq -r "$1" 2>&1; }
mark() { audit ".data.findings[] | select(.id == \"$1\") | \"\(.accepted) \(.accepted_until) \(.accepted_by) \(.accepted_why)\"" | sort -u; }
on() { date -u -d "$1" +%F; }
F=$T/accepted-findings
is 'nothing is accepted at first' "$(mark no-limit)" 'null null null null'
is 'a finding is accepted until a day' "$(p audit --accept no-limit --until "$(on '30 days')" --reason 'limits come in spring' 2>&1)" "$F: accepted no-limit"
becomes 'the page has until when, who and why' 'mark no-limit' "true $(on '30 days') $(id -un), $(on now) limits come in spring"
is 'it is as readable as the configuration' "$(stat -c %a "$F")" "$(stat -c %a "$T/postern.conf")"
is 'it comes last' "$(p audit --json 2>/dev/null | jq -r '.findings[-1].id')" no-limit
is 'people read it, too' "$(p audit 2>/dev/null | tr -s ' \n' ' ')" "*no-limit*until $(on '30 days') it is accepted by $(id -un), $(on now): limits come in spring*, 1 accepted; of*"
is 'in JUnit it is no failure' "$(p audit --junit 2>/dev/null | sed -n '/no-limit/,/testcase>/p' | grep -c '<failure')" 0
is 'accepting it anew takes the place of that' "$(p audit --accept no-limit --until "$(on '31 days')" --reason later >/dev/null 2>&1; grep -c no-limit "$F"; mark no-limit)" "1*"
becomes 'with the later day' 'mark no-limit' "true $(on '31 days') * later"
sed -i "s/$(on '31 days')/$(on yesterday)/" "$F"
becomes 'when the day is over, it says that it was' 'mark no-limit' "false $(on yesterday) * later"
is 'people read that, too' "$(p audit 2>/dev/null | tr -s ' \n' ' ')" "*until $(on yesterday), which is over, it was accepted by *"
is 'today it still holds' "$(sed -i "s/$(on yesterday)/$(on now)/" "$F"; p audit --json 2>/dev/null | jq -r '.findings[] | select(.id == "no-limit").accepted')" true
is 'taken back it is none' "$(p audit --withdraw no-limit 2>&1; p audit --json 2>/dev/null | jq -r '.findings[] | select(.id == "no-limit").accepted')" '*no longer accepted: no-limit*null'
is 'twice it is an error' "$(p audit --withdraw no-limit 2>&1; echo $?)" '*is not accepted there*1'

# What is all accepted lets the command end well; what only some of it is does not.
worst() { p audit >/dev/null 2>&1; echo $?; }
before=$(worst)
for id in $(p audit --json 2>/dev/null | jq -r '.findings[].id' | sort -u); do
    p audit --accept "$id" --until "$(on '1 day')" --reason all >/dev/null 2>&1
done
is 'what is accepted does not count in the exit status' "$before $(worst)" '[345] 0'
is 'nor as the worst' "$(p audit --json 2>/dev/null | jq -r .worst)" null
p audit --withdraw no-limit >/dev/null
is 'what is not does' "$(worst) $(p audit --json 2>/dev/null | jq -r .worst)" '4 high'
place=$(p audit --json 2>/dev/null | jq -r '.findings[] | select(.id == "no-limit").where')
is 'it can be for one place' "$(p audit --accept no-limit --where "$place" --until "$(on '1 day')" --reason here >/dev/null 2>&1; worst)" 0
is 'elsewhere it is not accepted' "$(sed -i "s#| no-limit | $place |#| no-limit | elsewhere |#" "$F"; worst)" 4

# Wrong words change nothing.
cp "$F" "$T/same"
wrong() { is "$1" "$(p audit "${@:3}" 2>&1; echo $?)" "$2"; }
wrong 'without a day nothing is accepted' '*nothing is accepted for ever*2' --accept monitor --reason x
wrong 'nor without a reason' '*--reason is missing*2' --accept monitor --until "$(on '1 day')"
wrong 'a day that is over' '*from today on*2' --accept monitor --until "$(on yesterday)" --reason x
wrong 'one that is too far away' '*400 days*2' --accept monitor --until 2999-01-01 --reason x
wrong 'what is no day' '*expected a day*2' --accept monitor --until 2027-02-30 --reason x
wrong 'a rule that there is none of' '*no rule "nonsense"*2' --accept nonsense --until "$(on '1 day')" --reason x
wrong 'a reason that would be several fields' '*without | and #*2' --accept monitor --until "$(on '1 day')" --reason 'a | b'
wrong 'one of two lines' '*printable*2' --accept monitor --until "$(on '1 day')" --reason $'a\nb'
wrong 'a reason without a finding' '*for --accept or --withdraw*2' --reason x
is 'and the file is as it was' "$(cmp "$F" "$T/same" && echo same)" same
echo 'audit | monitor | once' >>"$F"
is 'a file that is wrong accepts nothing, and says where' "$(p audit 2>&1 >/dev/null; worst)" '*no finding is taken for accepted: *accepted-findings:*: expected CHECK*[345]'
becomes 'the page says it, too' "audit '.notes | join(\" \")'" '*no finding is taken for accepted*'
exit "$status"
