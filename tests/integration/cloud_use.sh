#!/bin/bash
# Use of SMTP AUTH straight at Exchange Online beside the relay's own: the SMTP AUTH clients report is imported, and "postern
# report" shows both, says how far back each reaches, and makes no script that would cut somebody off. TAP lines.
# BUILD: the folder with the programs.
set -u
cd "$(dirname "$0")/../.." || exit 1
build=${BUILD:-build/asan}
[ -x "$build/postern" ] || build=build/release
build=$(realpath "$build")
work=$(mktemp -d "${TMPDIR:-/tmp}/postern-cloud-use.XXXXXX")
number=0 bad=0
trap 'rm -rf "$work"' EXIT
export TZ=UTC

# is NAME FOUND PATTERN
is()
{
    number=$((number + 1))
    # shellcheck disable=SC2053 # a pattern
    if [[ $2 == $3 ]]; then
        echo "ok $number $1"
    else
        bad=$((bad + 1))
        echo "not ok $number $1"
        printf '    expected %s\n    found    %s\n' "$3" "$2"
    fi
}
p() { "$build/postern" -c "$work/postern.conf" "$@"; }
csv() { p report "$@" --csv 2>/dev/null | tr -d '\r'; }
m() { "$build/postern-mirror" "$@" -c "$work/postern.conf"; }
sql()
{
    /usr/bin/python3 - "$1" "$2" <<'EOF'
import os, sqlite3, sys
db = sqlite3.connect(f"file:{sys.argv[1]}?mode=rw", uri=True)
with db:
    print(*(value for row in db.execute(sys.argv[2]).fetchall() for value in row), end="")
sys.stdout.flush()
os._exit(0)  # to close it would remove the two files beside it, without which no reader reads
EOF
}
history() { sql "$work/dir/history.sqlite" "$1"; }
now=$(date +%s)
days_ago() { echo $((now - $1 * 86400)); }

conf()
{
    cat >"$work/postern.conf" <<END
directory = "$work/dir"; journal = "$work/journal"; spool = "$work/spool"; state = { file = "$work/state"; };
log = { to = "stderr"; }; policyd = { listen = "unix:$work/policyd.sock"; }; milter = { listen = ""; };
tenants = ( { name = "contoso"; domains = ["contoso.example"]; ${2:-} } ); ${1:-}
END
}
conf
mkdir -p "$work/dir"
chmod 750 "$work/dir"
echo 'Name,SmtpClientAuthenticationDisabled,AllowLegacyTLSClients
Transport Settings,True,False' >"$work/TransportConfig.csv"
{
    echo 'Guid,PrimarySmtpAddress,EmailAddresses,SmtpClientAuthenticationDisabled'
    n=0
    for name in relay cloud both silent report; do
        n=$((n + 1))
        echo "0000000$n-3c5e-4b7a-9d21-000000010000,$name@contoso.example,SMTP:$name@contoso.example smtp:$name.alias@contoso.example,False"
    done
} >"$work/CASMailbox.csv"
m import --tenant contoso "$work/TransportConfig.csv" "$work/CASMailbox.csv" >"$work/out" 2>&1 || { echo 'not ok 1 settings'; cat "$work/out"; exit 1; }

# The service makes the state and the journal; what it would have seen is written there by hand.
"$build/postern-policyd" -c "$work/postern.conf" >"$work/policyd.log" 2>&1 &
service=$!
for _ in $(seq 600); do [ -S "$work/policyd.sock" ] && [ -e "$work/journal/journal.sqlite" ] && break; sleep 0.1; done
kill $service
wait $service
row() { sql "$work/journal/journal.sqlite" "INSERT OR REPLACE INTO usage VALUES ('contoso','$1',$2,$2,0,5,6,7,5,0,0,0,0,0,0,5,0,NULL,NULL,'192.0.2.7=$2')"; }
row relay@contoso.example "$(days_ago 3)"
row both@contoso.example "$(days_ago 3)"
sql "$work/journal/journal.sqlite" "INSERT OR REPLACE INTO meta VALUES ('first',$(days_ago 120))"

# ---- without the cloud ----
is 'unused tells that nothing is known of the cloud' "$(p report unused 2>&1 >/dev/null)" '*on at this relay, and not at all at Exchange Online itself (tenant contoso), not for 90 days*'
is 'and lists who was silent here' "$(csv unused | cut -d, -f2 | tail -n +2 | sort | tr '\n' ' ')" 'cloud@contoso.example report@contoso.example silent@contoso.example '
is 'but makes no script, and says what to do' "$(p report unused --powershell 2>&1; echo $?)" '*not at all at Exchange Online itself (tenant contoso)*set exchange.sign_ins and wait, or import the SMTP AUTH clients report, or --force*1'
is 'forced, the script carries the warning' "$(p report unused --powershell --force 2>/dev/null)" '*not at all at Exchange Online itself*WARNING: that is less than the 90 days*WARNING: who submits to Exchange Online with a token*Set-CASMailbox -Identity*'
is 'status names no sign-ins where none are read' "$(p status 2>/dev/null | grep -c sign-ins)" 0

# ---- the report ----
cat >"$work/SMTP AUTH clients.csv" <<'END'
"Sender address","Domain","TLS 1.0 (percentage)","TLS 1.1 (percentage)","TLS 1.2 (percentage)","Authentication protocol","Messages sent"
"report@contoso.example","contoso.example","0.00","12.50","87.50","Basic","1,200"
"Both.Alias@contoso.example","contoso.example","0.00","0.00","100.00","OAuth","12"
"stranger@contoso.example","contoso.example","0.00","0.00","100.00","","3"
"never@contoso.example","contoso.example","0.00","0.00","0.00","","0"
END
is 'a dry run tells, and writes nothing' "$(m import --tenant contoso --dry-run "$work/SMTP AUTH clients.csv" 2>&1; history 'SELECT count(*) FROM cloud_use')" 'contoso: SMTP AUTH clients report, taken for *: 3 senders, 1215 messages (dry run: nothing is written)*0'
is 'the report is known by its columns' "$(m import --tenant contoso "$work/SMTP AUTH clients.csv" 2>&1)" 'contoso: SMTP AUTH clients report, taken for *: 3 senders, 1215 messages
contoso: 1 of these senders are no mailbox of the directory'
is 'and changes no setting' "$(m show 2>&1 | sed -n 's/^  mailboxes *\([0-9]\)/\1/p')" 5
before=$(csv used)
is 'used shows both sources' "$(echo "$before" | cut -d, -f1-3)" 'tenant,mailbox,source
contoso,both@contoso.example,relay
contoso,both@contoso.example,cloud-report
contoso,relay@contoso.example,relay
contoso,report@contoso.example,cloud-report
contoso,stranger@contoso.example,cloud-report'
is 'with messages, mechanism and the oldest TLS' "$(echo "$before" | grep report@contoso)" '*,cloud-report,*Z,*Z,1200,,,,,1200,0,TLSv1.1,,contoso.example,,,,,,,,'
m import --tenant contoso "$work/SMTP AUTH clients.csv" >/dev/null 2>&1
is 'imported again, it counts once' "$(csv used)" "$before"
is 'basic shows both' "$(csv basic | cut -d, -f2,3,4 | tail -n +2 | tr '\n' ' ')" 'both@contoso.example,relay,5 relay@contoso.example,relay,5 report@contoso.example,cloud-report,1200 '
is 'who used the cloud alone is not unused' "$(csv unused | cut -d, -f2 | tail -n +2 | sort | tr '\n' ' ')" 'cloud@contoso.example silent@contoso.example '
is 'a report is taken for the last seven days, and that is not enough' "$(p report unused --powershell 2>&1; echo $?)" '*not for 90 days*give --days 8 or fewer*1'
is 'so many days are enough' "$(p report unused --days 7 --powershell 2>/dev/null | grep -c ^Set-CASMailbox)" 2
is 'the range that was chosen can be said' "$(m import --tenant contoso --report-days 90 "$work/SMTP AUTH clients.csv" >/dev/null 2>&1; p report unused --days 90 --powershell 2>/dev/null | grep -c ^Set-CASMailbox)" 2
is 'days that are none are refused' "$(m import --tenant contoso --report-days 91 "$work/SMTP AUTH clients.csv" 2>&1 | head -n 1; m import --tenant contoso --report-days x "$work/SMTP AUTH clients.csv" >/dev/null 2>&1; echo $?)" '*expected a number of days from 1 to 90*2'
is 'used as a script names each once' "$(p report used --powershell 2>/dev/null | grep -c 'both@contoso.example')" 1
is 'the list of settings tells the last use in the cloud' "$(csv enabled | grep -c 'report@contoso.example.*T.*Z,0,$')" 1

sed '2s/1,200/many/' "$work/SMTP AUTH clients.csv" >"$work/damaged.csv"
is 'a damaged report is refused with its line, and nothing of it is taken' "$(m import --tenant contoso "$work/damaged.csv" 2>&1; history "SELECT number FROM cloud_use WHERE mailbox='report@contoso.example'")" '*damaged.csv: line 2: "many" is not a number of messages*1200'
is 'reports and settings go in one run' "$(m import --tenant contoso "$work/TransportConfig.csv" "$work/SMTP AUTH clients.csv" "$work/CASMailbox.csv" 2>&1 | tail -n 2 | head -n 1)" 'contoso: SMTP AUTH clients report*'
is 'a tenant that nobody has set up can have a report' "$(m import --tenant fabrikam "$work/SMTP AUTH clients.csv" 2>&1)" 'fabrikam: SMTP AUTH clients report*3 of these senders are no mailbox of the directory'

# ---- other relays ----
conf 'other_relays = ["mx2.contoso.example"];'
is 'another relay forbids the script' "$(p report unused --days 7 --powershell 2>&1; echo $?)" '*the usage of the relay mx2.contoso.example is not known here*run it where all usage is*1'
is 'which carries its name when it is forced' "$(p report unused --days 7 --powershell --force 2>/dev/null)" '*# WARNING: the usage of the relay mx2.contoso.example is not known here*'
is 'a relay without a name is refused' "$(conf 'other_relays = ["mx2 contoso"];'; p check 2>&1; echo $?)" '*other_relays*expected a relay*1'
is 'check tells them' "$(conf 'other_relays = ["mx2.contoso.example"];'; p check 2>&1)" '*mx2.contoso.example*'
conf "cluster = { server = \"unix:/nowhere\"; folder = \"$work/cluster\"; };"
is 'so do those of a cluster' "$(p report unused --days 7 --powershell 2>&1; echo $?)" "*the usage of the cluster's other relays is not known (postern-cluster has not run here yet)*1"
is 'of which the script warns' "$(p report unused --days 7 --powershell --force 2>/dev/null)" "*# WARNING: the usage of the cluster's other relays is not known (*"
conf

# ---- sign-ins ----
is 'without sign-ins, failed ones are not known' "$(p report failed-sign-ins 2>/dev/null)" none
t=$(days_ago 1)
history "INSERT INTO cloud_use VALUES ('contoso','cloud@contoso.example','sign-ins',$t,$t,7,7,0,NULL,'203.0.113.9=$t')"
history "INSERT INTO cloud_use VALUES ('contoso','silent@contoso.example','failures',$t,$t,99,0,0,NULL,'198.51.100.66=$t')"
history "INSERT INTO cloud_use VALUES ('contoso','','failures',$t,$t,5,0,0,NULL,NULL)"
is 'who signed in is not said to have sent' "$(csv used | grep cloud-sign-ins)" 'contoso,cloud@contoso.example,cloud-sign-ins,*Z,*Z,,,,,7,7,0,,203.0.113.9,contoso.example,,,,,,,,'
is 'failures are no use' "$(csv used | grep -c silent; csv unused --days 7 | grep -c silent)" '0
1'
is 'and are shown apart' "$(csv failed-sign-ins)" 'tenant,mailbox,failed,first,last,clients
contoso,,5,*
contoso,silent@contoso.example,99,*,198.51.100.66'

# ---- when they were read ----
conf '' 'exchange = { tenant_id = "7a5d1c3e-52b0-4f0e-9c7d-2f6a10b4e8d1"; application = "3d9e6f20-1b7c-4a58-9f3e-c5d2a7b80e14";
    certificate_file = "contoso.pem"; sign_ins = true; };'
is 'status says that they were never read' "$(p status 2>/dev/null | grep 'sign-ins by SMTP AUTH')" '*never read'
is 'metrics have no time then' "$(p metrics 2>/dev/null | grep '^postern_sign_ins')" 'postern_sign_ins_timestamp_seconds{tenant="contoso"} 0
postern_sign_ins_trouble_timestamp_seconds{tenant="contoso"} 0'
is 'audit finds it' "$(p audit 2>/dev/null)" '*sign-ins-stale*they were never read*'
history "INSERT OR REPLACE INTO sign_ins_state VALUES ('contoso',$(($(date +%s) - 7200)),0,'')"
is 'status has their age' "$(p status 2>/dev/null | grep 'sign-ins by SMTP AUTH')" '*2h* old'
is 'audit is content' "$(p audit 2>/dev/null | grep -c 'they were never read\|they were last read')" 0
history "INSERT OR REPLACE INTO sign_ins_state VALUES ('contoso',$(days_ago 5),$(days_ago 4),'it needs AuditLog.Read.All')"
is 'and what is wrong' "$(p status 2>/dev/null | grep -A 3 'sign-ins by SMTP AUTH' | tr -s ' \n' ' ')" '*5d* old; for 4d* not read: it needs AuditLog.Read.All*'
is 'which programs read, too' "$(p status --json 2>/dev/null | jq -r '.tenants[0].sign_ins | .trouble')" 'it needs AuditLog.Read.All'
is 'audit names it' "$(p audit 2>/dev/null | tr -s ' \n' ' ')" '*sign-ins-stale*they were last read 1[12]? hours ago: it needs AuditLog.Read.All*'
conf

# ---- who may read it ----
is 'a damaged history is named, and the relay is still told' "$(cp -a "$work/dir" "$work/kept"; echo damaged >"$work/dir/history.sqlite"; p report used --csv 2>&1 | grep -c 'history.sqlite is damaged; postern-mirror will set it aside\|contoso,relay@contoso.example,relay')" 2
is 'and unused does without' "$(p report unused --powershell 2>&1 >/dev/null; echo $?)" '*not at all at Exchange Online itself*1'
rm -rf "$work/dir"
mv "$work/kept" "$work/dir"
is 'whoever may not read it is told so' "$(chmod 755 "$work"; chmod -R a+rX "$work"; chmod 600 "$work/dir/history.sqlite"*; [ "$(id -u)" = 0 ] || { echo 'history skipped'; exit; }; setpriv --reuid nobody --clear-groups "$build/postern" -c "$work/postern.conf" report used 2>&1)" '*history*'

# ---- a tenant goes ----
is 'a forgotten tenant leaves nothing of its use, and another its own' "$(m forget-tenant --tenant contoso --yes >/dev/null 2>&1; history "SELECT tenant,count(*) FROM cloud_use GROUP BY tenant")" 'fabrikam 3'

echo "1..$number"
[ "$bad" -eq 0 ]
