#!/bin/bash
# What the documents name exists: commands and their options, settings, Postfix's parameters, metrics, units, files that are
# installed, links; and what they tell people to paste does what they say. TAP lines.
# shellcheck disable=SC2016,SC2034 # $ stands in the documents; BIN is for scripts/relay.sh
set -u
cd "$(dirname "$0")/../.." || exit 1
. scripts/relay.sh
. tests/e2e/lib.sh
trap 'rm -rf "$D"' EXIT
BUILD=${BUILD:-build/asan}
D=$(mktemp -d /tmp/postern-docs.XXXXXX)
T=
documents="README.md doc/*.md"

# none WHAT: each line on standard input is something that is wrong.
none() { is "$1" "$(sort -u | tr '\n' ' ')" ''; }

# ---- commands and options: "postern NAME --option", in code ----

# shellcheck disable=SC2086 # the documents are several words
code=$(sed -n '/^```/,/^```/p;/^    /p;s/[^`]*`\([^`]*\)`[^`]*/\1\n/gp' $documents; cat doc/*.md README.md | grep -o '`[^`]*`' | tr -d '`')
code=$(while read -r line; do echo "${line%%#*}"; done <<<"$code") # comments speak of other things
grep -oE '(^|[ (])postern [a-z][a-z-]*' <<<"$code" | sed 's/^[ (]*//' | sort -u | while read -r _ name; do
    "$BUILD/postern" "$name" --help >"$D/help" 2>&1 || echo "postern $name"
done | none 'each command of postern exists'
grep -oE '(^|[ (])postern [a-z][a-z-]* [^|&#]*' <<<"$code" | sed 's/^[ (]*//' | while read -r _ name words; do
    for word in $words; do
        case $word in
        --[a-z]*) "$BUILD/postern" "$name" --help 2>&1 | grep -qe "${word%%[=,;.)]*}" || echo "postern $name $word" ;;
        esac
    done
done | none 'so does each of their options'
mandoc -T ascii doc/postern-mirror.8 | col -b >"$D/mirror.txt"
grep -oE 'postern-mirror [a-z][a-z-]* ?[^|&#]*' <<<"$code" | while read -r _ name words; do
    grep -qE "(^| )postern-mirror.* $name|^   $name|\| $name" "$D/mirror.txt" || echo "postern-mirror $name"
    for word in $words; do
        case $word in --[a-z]*) grep -qe "${word%%[=,;.)]*}" "$D/mirror.txt" || echo "postern-mirror $name $word" ;; esac
    done
done | none 'so does what is asked of postern-mirror'
grep -oE 'postern-(policyd|milter|sasl|mirror|alert|cluster|web|act|check-postfix)(-[a-z]+)?\.(service|timer|path|socket)|postern-(policyd|milter|sasl|mirror|alert|cluster|web)' <<<"$code" | sort -u |
    while read -r name; do
        case $name in
        *.*) [ -f "conf/systemd/$name" ] || echo "$name" ;;
        *) [ -x "$BUILD/$name" ] || echo "$name" ;;
        esac
    done | none 'programs and units exist'

# cron looks in /usr/bin and /bin alone (crontab(5)), where only "postern" is.
# shellcheck disable=SC2086
grep -hE '^    [0-9*]+ [0-9*]+ [0-9*]+ [0-9*]+ [0-9*]+ root ' $documents | grep -oE '[^ ]*postern-[a-z]+ ' | grep -v / |
    none 'a line for cron names programs by their paths'

# ---- settings, parameters, metrics ----

groups='smtp_auth|tenants|web|sasl|limits|logins_from|sender|recipients|mirror|policyd|milter|log|state|exchange|alerts|connectors|blocks|cluster'
# shellcheck disable=SC2086
grep -ohE "\`($groups)\.[a-z_]+\`" $documents | tr -d '`' | sort -u | while read -r setting; do
    grep -qE "It Va ${setting/exchange./(tenants.)?exchange.}( |\$)" doc/postern.conf.5 || echo "$setting"
done | none 'each setting is in postern.conf(5)'
if command -v postconf >/dev/null; then
    # shellcheck disable=SC2086
    grep -ohE '\b(smtpd|smtp|smtputf8|milter|non_smtpd)_[a-z_]*[a-z]\b' $documents conf/postfix/*.cf | sort -u | while read -r name; do
        case $name in smtp_auth | milter_* | *_macros) continue ;; esac
        postconf -d "$name" 2>"$D/stderr" >"$D/out"
        grep -q unknown "$D/stderr" && echo "$name"
    done | none 'each parameter of Postfix is known to Postfix'
fi
grep -ohE '\bpostern_[a-z_]+[a-z]' doc/operations.md conf/prometheus/postern.rules.yml conf/grafana/postern.json | grep -v '^postern_alert$' | sed 's/_bucket$//' | sort -u | while read -r name; do
    cat core/report/metrics*.c | grep -q "\"$name\"" || echo "$name"
done | none 'each metric is one'
# shellcheck disable=SC2086
grep -ohE 'reason=[a-z-]+' $documents | sort -u | cut -d= -f2 | while read -r reason; do
    grep -rq "\"$reason\"" core || echo "$reason"
done | none 'each reason is one'

# The log's events, of services and of commands, stand in the manual.
grep -rhoE '(event_begin\([^"]*|cli_log\([^",]*, )"[a-z-]+"' core cli policyd milter sasl | grep -oE '"[a-z-]+"' | tr -d '"' | sort -u | while read -r event; do
    grep -qE "^(\.It Ic|\.Ql) $event\$" doc/postern.7 || echo "$event"
done | none 'each event of the log is in postern(7)'

# What a refusal means: every reason that refuses stands in README's table, with its codes, and no other.
python3 - <<'END' | none 'the table of refusals is that of the program'
import glob, re
source = open(glob.glob("core/**/reason.c", recursive=True)[0]).read()
macros = dict(re.findall(r'#define (\w+)\(\w+\)\s*\\?\s*"(\d+ [\d.]+)', source))
coded = {}
for name, macro, text in re.findall(r'\{\s*"([a-z-]+)",\s*(\w+)?(?:\([^)]*\))?\s*("[^"]*")?', source):
    coded[name] = macros.get(macro) if macro else re.match(r'"(\d+ [\d.]+)', text).group(1) if text else None
table = {}
for names, codes in re.findall(r"^\| (`[a-z`, -]+`) \| ([^|]*) \|", open("README.md").read().split("## What a refusal means")[1].split("\n## ")[0], re.M):
    names, codes = re.findall(r"`([a-z-]+)`", names), re.findall(r"\d+ [\d.]+", codes)
    for i, name in enumerate(names):
        table[name] = codes[i if len(codes) > 1 else 0] if codes else None
for name in coded.keys() | table.keys():
    if (coded.get(name) is not None or name in table) and coded.get(name, "no such reason") != table.get(name, "missing"):
        print("%s: %s, README: %s" % (name, coded.get(name, "no such reason"), table.get(name, "missing")))
END
# What a login that is still being learnt gets out from elsewhere: README's numbers are those of the limits.
printf 'directory = "%s/none";\n' "$D" >"$D/plain.conf"
is 'README has the numbers of the limits for new logins' \
    "$("$BUILD/postern" -c "$D/plain.conf" check 2>&1 | tr -s '\n ' ' ' | grep -o 'learnt, [0-9]* from elsewhere' | head -n 2 |
        tr -dc '0-9\n' | xargs)" \
    "$(tr -s '\n ' ' ' <README.md | sed -n 's/.*until a login is learnt, \([0-9]*\) messages an hour and \([0-9]*\) a day pass.*/\1 \2/p')"

# Who may have what over HTTP: each path stands in the manual, with the role and the reach that the program has for it.
python3 - <<'END' | none 'the manual says who may have which path'
import re
man = re.split(r"^\.It Pa ", open("doc/postern-web-api.7").read(), flags=re.M)[1:]
said = {re.sub(r"\?.*|NAME$|ID$", "", one.split("\n")[0]): " ".join(one.split("\n")[1:6]) for one in man}
words = {("VIEWER", ""): "From viewer on", ("READER", "NONE"): "For readers of all tenants", ("READER", "OWN"): "For readers of some tenants, too",
         ("READER", "MADE"): "For readers(; of| of) some tenants", ("READER", "ANY"): r"For readers\."}
for path, role, reach in re.findall(r'ROUTE\("(/api/v1/[^"]*)", ROLE_(VIEWER|READER), REACH_(\w+)', open("web/routes.c").read()):
    text = said.get(path)
    if text is None:
        print(path + " is missing")
    elif path not in ("/api/v1/actions", "/api/v1/logout") and not re.search(words[(role, "" if role == "VIEWER" else reach)], text):
        print("%s: %s %s, the manual: %s" % (path, role, reach, text[:60]))
END

# ---- files and links ----

{
    grep -ohE '`make( [a-z][a-z0-9-]*)+' README.md CONTRIBUTING.md doc/*.md | tr -d '`'
    sed -n '/^```/,/^```/p' README.md CONTRIBUTING.md | grep -oE '^make( [a-z][a-z0-9-]*)+'
} | tr ' ' '\n' | grep -v '^make$' | sort -u |
    while read -r name; do
        grep -qE "^([a-z0-9-]+ )*$name( [a-z0-9-]+)*:" Makefile || echo "make $name"
    done | none 'each target of make is one'
grep -ohE '`([a-z]+/ ?)+`' README.md CONTRIBUTING.md | tr -d '`' | tr ' ' '\n' | sort -u | while read -r path; do
    [ -d "$path" ] || echo "$path"
done | none 'each folder of the sources that is named is there'

scripts/install.sh build/release "$D/root" /usr /etc >/dev/null
# shellcheck disable=SC2086
grep -ohE '(/usr/share/(doc/)?postern|examples)/[A-Za-z0-9_./-]+[a-z0-9]' $documents | sort -u | while read -r path; do
    [ -e "$D/root${path/#examples//usr/share/doc/postern/examples}" ] || echo "$path"
done | none 'each file that is said to be installed is'
for file in $documents; do
    grep -ohE '\]\([^)]*\)' "$file" | sed 's/^](//;s/)$//' | grep -v '^http' | while read -r link; do
        path=${link%%#*} to=$file
        [ -z "$path" ] || to=$(dirname "$file")/$path
        [ -e "$to" ] || echo "$file: $link"
        case $link in
        *#*) sed -n 's/^#* //p' "$to" | tr '[:upper:] ' '[:lower:]-' | tr -cd 'a-z0-9\n_-' | grep -qxF -- "${link##*#}" || echo "$file: $link" ;;
        esac
    done
done | none 'each link leads somewhere'
for page in doc/*.md; do grep -q "($(basename "$page"))" doc/index.md || [ "$page" = doc/index.md ] || echo "$page"; done | none 'the index has every document'
# shellcheck disable=SC2086
grep -ohE 'man ([1-8] )?postern[a-z.-]*[a-z]' $documents | awk '{ print $NF }' | sort -u | while read -r page; do
    compgen -G "doc/$page.[1-8]" >/dev/null || echo "$page"
done | none 'each manual page is there'

# ---- what is to be pasted ----

# The blocks of main.cf and master.cf that are made by hand are those of the examples.
if command -v postconf >/dev/null; then
    mkdir "$D/pf"
    printf 'compatibility_level = 3.6\n' >"$D/pf/main.cf"
    printf 'smtp inet n - y - - smtpd\nsubmission inet n - y - - smtpd\n' >"$D/pf/master.cf"
    sed -n '/^## By hand/,/^These change/p' doc/postfix.md | sed -n 's/^    //p' | sed '/^postfix check/d' |
        sed "s|postconf |postconf -c $D/pf |" >"$D/hand.sh"
    bash -e "$D/hand.sh" 2>"$D/stderr" || echo "not ok the commands by hand run: $(cat "$D/stderr")"
    # Words of the same value apart by blanks or commas are the same.
    words() { postconf -c "$1" -h "$2" | tr -s ', ' ' '; }
    mkdir "$D/example" && cp conf/postfix/main.cf conf/postfix/master.cf "$D/example/" && echo 'compatibility_level = 3.6' >>"$D/example/main.cf"
    for name in postern_policy postern_milter postern_relay_restrictions postern_end_of_data_restrictions enable_long_queue_ids; do
        [ "$(words "$D/pf" $name)" = "$(words "$D/example" $name)" ] || echo $name
    done | none 'by hand it is what the example has'
    is 'and each service asks' "$(postconf -c "$D/pf" -P | grep -c 'postern_')" 6
fi

# So can every other command of postconf in the documents.
if command -v postconf >/dev/null; then
    cp -r "$D/pf" "$D/pf-all"
    # shellcheck disable=SC2086
    grep -hoE '^ *postconf -[eFP] .*|`postconf -[eFP] [^`]*`' $documents | tr -d '`' | sed 's/^ *//; s/ && .*//; /\\$/d; /\$service/d' | sort -u |
        while read -r line; do
            bash -c "${line/postconf /postconf -c $D/pf-all }" >"$D/out" 2>&1 && ! grep -q 'warning\|fatal' "$D/out" || echo "$line: $(cat "$D/out")"
        done | none 'each command of postconf is taken'
fi
# Settings that are shown are taken, each by itself.
mkdir "$D/shown" && touch "$D"/shown/{allow,logins,contoso.pem,contoso.key}
# shellcheck disable=SC2086
python3 - "$D/shown" $documents <<'END'
import os, re, sys
folder, n = sys.argv[1], 0
names = "policyd|milter|log|state|journal|tenants|default_tenant|connectors|limits|smtp_auth|sender|recipients|mirror|alerts|blocks|tls|mode|unauthenticated|preset|known_networks"
for path in sys.argv[2:]:
    for block in re.findall(r"(?:^    .*\n|^ *\n)+", open(path).read(), re.M):
        for start in re.finditer(r"^    (?:%s) = (?=[\[({\"]).*$" % names, block, re.M):
            depth, end, quoted = 0, None, False
            for i in range(start.start(), len(block)):
                c = block[i]
                quoted = quoted != (c == '"')
                depth += 0 if quoted else (c in "([{") - (c in ")]}")
                if depth == 0 and c == ";" and not quoted:
                    end = i + 1
                    break
            n += 1
            shown = block[start.start():end].replace("/usr/share/postern/", os.getcwd() + "/conf/")
            open("%s/%d.conf" % (folder, n), "w").write('directory = "%s/none";\n' % folder + shown + "\n")
END
is 'there are settings to try' "$(find "$D/shown" -name '*.conf' | wc -l)" '[1-9]*'
for file in "$D"/shown/*.conf; do
    "$BUILD/postern-policyd" -t -c "$file" >"$D/out" 2>&1 || { tail -n +2 "$file"; tail -n 2 "$D/out"; }
done | none 'settings that are shown are taken'

# The archive of a backup holds what a restored relay needs.
cat >"$D/postern.conf" <<END
directory = "$D/var/lib/postern/directory";
END
mkdir -p "$D/var/lib/postern"
echo anna@contoso.example >"$D/allowed"
"$BUILD/postern-mirror" import -c "$D/postern.conf" --tenant contoso "$D/allowed" >"$D/said" 2>&1 || cat "$D/said"
"$BUILD/postern-mirror" show -c "$D/postern.conf" anna@contoso.example >"$D/before" 2>&1
tar -C "$D" -czf "$D/backup.tar.gz" var/lib/postern
rm -rf "${D:?}/var"
tar -C "$D" -xzpf "$D/backup.tar.gz"
is 'a directory from a backup says the same' \
    "$("$BUILD/postern-mirror" show -c "$D/postern.conf" anna@contoso.example 2>&1 | diff - "$D/before" && grep -c anna "$D/before")" '[1-9]*'

# ---- the end of passwords: what closes, and the ways to go on ----

printf '%s\n' '"Guid","PrimarySmtpAddress","OWAEnabled","SmtpClientAuthenticationDisabled"' \
    '"0a7d6d2c-0001-4b7e-9d55-000000000001","anna@contoso.example","True",""' \
    '"0a7d6d2c-0001-4b7e-9d55-000000000002","bert@contoso.example","True","False"' >"$D/cas.csv"
echo '{ "MaxRecipientEnvelopeLimit": "500", "SmtpClientAuthenticationDisabled": true }' >"$D/transport.json"
mkdir -p "$D/run" "$D/tenant"
echo anna@contoso.example >"$D/allow"
closed()
{
    cat <<END
directory = "$D/tenant/directory";
state = { file = "$D/tenant/state"; entries = 1024; };
journal = "$D/tenant/journal";
log = { to = "stderr"; };
policyd = { listen = "unix:$D/run/policyd.sock"; };
milter = { listen = "unix:$D/run/milter.sock"; };
$1
END
}
closed '' >"$D/closed.conf"
"$BUILD/postern-mirror" import -c "$D/closed.conf" --tenant contoso "$D/cas.csv" "$D/transport.json" >"$D/said" 2>&1 || cat "$D/said"
"$BUILD/postern-policyd" -c "$D/closed.conf" 2>"$D/policyd.log" &
policyd=$!
trap 'kill "$policyd" 2>/dev/null; rm -rf "$D"' EXIT
relay_wait relay_listens_at "$D/run/policyd.sock"
# explained WHO SETTING
explained()
{
    closed "$2" >"$D/asked.conf"
    "$BUILD/postern" -c "$D/asked.conf" explain --user "$1" --client 192.0.2.15 --recipient x@adatum.example 2>&1 | tr '\n' ' '
}
is 'a closed organization refuses who inherits from it' "$(explained anna@contoso.example '')" '*organization-disabled*5.7.139*'
is 'and explain says that this is as mirrored' "$(explained anna@contoso.example '')" '*disabled, as mirrored*'
is 'a mailbox with a setting of its own goes on' "$(explained bert@contoso.example '' | grep -c 5.7.139)" 0
is 'tenants.smtp_auth goes on with all that inherit' \
    "$(explained anna@contoso.example 'tenants = ( { name = "contoso"; smtp_auth = "enabled"; } );' | grep -c 5.7.139)" 0
is 'so does allow_file with those whom it names' "$(explained anna@contoso.example "smtp_auth = { allow_file = \"$D/allow\"; };" | grep -c 5.7.139)" 0
is 'the other settings of that chapter are taken' \
    "$(closed 'smtp_auth = { authentication_policy = false; security_defaults = false; };' >"$D/asked.conf"; "$BUILD/postern-policyd" -t -c "$D/asked.conf" >/dev/null 2>&1; echo $?)" 0
"$BUILD/postern" -c "$D/closed.conf" status >"$D/said" 2>&1
is 'status has the organization'\''s setting' "$(grep contoso "$D/said")" '*SMTP AUTH disabled as mirrored*'
python3 - "$D/run/policyd.sock" <<'END'
import socket, sys
s = socket.socket(socket.AF_UNIX)
s.connect(sys.argv[1])
for state in "RCPT", "END-OF-MESSAGE":
    s.sendall(("request=smtpd_access_policy\nprotocol_state=%s\nprotocol_name=ESMTP\nclient_address=192.0.2.15\nclient_name=unknown\n"
               "helo_name=pc\nqueue_id=\ninstance=1.2.3.0\nsize=1000\nsender=bert@contoso.example\nrecipient=%s\nrecipient_count=1\n"
               "sasl_method=PLAIN\nsasl_username=bert@contoso.example\nencryption_protocol=TLSv1.3\n\n"
               % (state, "x@adatum.example")).encode())
    s.recv(1000)
END
reported() { "$BUILD/postern" -c "$D/closed.conf" report basic --days 30 --csv >"$D/said" 2>&1 && grep -q bert "$D/said"; }
relay_wait reported
is 'report basic names who signs in with a password, how often, when, from where' "$(tr '\n' ' ' <"$D/said")" \
    '*mailbox,source,basic,oauth,last,clients*bert@contoso.example,*192.0.2.15*'
# The tables of the journal, as its manual page has them.
rm -f "$D/copy.sqlite"
"$BUILD/postern" -c "$D/closed.conf" log --export "$D/copy.sqlite" || echo 'not ok the journal is copied'
sqlite3 "$D/copy.sqlite" "SELECT DISTINCT p.name FROM sqlite_schema m, pragma_table_info(m.name) p WHERE m.type = 'table'
    UNION SELECT name FROM sqlite_schema WHERE type = 'table'" >"$D/columns"
is 'the copy has the decision' "$(sqlite3 "$D/copy.sqlite" 'SELECT login FROM messages')" bert@contoso.example
is 'and all tables' "$(grep -cxE 'messages|refusals|usage|totals|blocks|dropped|meta' "$D/columns")" 7
while read -r column; do
    grep -qE "^\.(It )?(Va|Ic) (.* )?$column( |\$)" doc/postern-journal.5 || echo "$column"
done <"$D/columns" >"$D/missing"
is 'postern-journal(5) has each table and column' "$(tr '\n' ' ' <"$D/missing")" ''

# A refusal by the cloud, as the document shows it, is found by the command beside it.
sed -n '/^    postfix\/smtp/,/^$/p' doc/end-of-passwords.md >"$D/mail.log"
find_command=$(sed -n 's|^    \(grep -E .*\) /var/log/mail.log|\1|p' doc/end-of-passwords.md)
is 'the refusal that is shown is found by the command that looks for it' "$(bash -c "$find_command -c $D/mail.log")" 1
kill "$policyd"

# ---- fail2ban ----

if command -v fail2ban-regex >/dev/null; then
    mkdir "$D/f2b" # beside the filters that it includes
    cp -r /etc/fail2ban/. "$D/f2b/" && cp conf/fail2ban/filter.d/* "$D/f2b/filter.d/" && rm -f "$D/f2b/jail.d/"*
    cp conf/fail2ban/jail.d/* "$D/f2b/jail.d/"
    line() { echo "Nov 29 10:00:00 relay postern-policyd[4711]: event=decision $1"; }
    {
        line 'action=reject reason=blocked by=policyd stage=rcpt login=a@contoso.example client=198.51.100.7 method=PLAIN status=5.1.8'
        line 'action=reject reason=unauthenticated by=milter stage=rcpt client=2001:db8::7 status=5.7.57'
        line 'action=reject reason=bad-login by=policyd stage=rcpt login=x\x20client\x3d192.0.2.1 client=198.51.100.8 status=5.7.139'
    } >"$D/bad.log"
    {
        line 'action=reject reason=mailbox-disabled by=policyd stage=rcpt login=b@contoso.example client=192.0.2.15 status=5.7.139'
        line 'action=defer reason=limit by=policyd stage=end login=b@contoso.example client=192.0.2.15 status=4.7.1'
        line 'action=pass reason=ok by=policyd stage=end login=b@contoso.example client=192.0.2.15'
        line 'action=pass reason=ok by=policyd stage=end login="action=reject\x20reason=blocked" client=192.0.2.15'
    } >"$D/good.log"
    banned() { fail2ban-regex -v "$1" "$D/f2b/filter.d/postern.conf" 2>&1 | sed -n 's/^| *\([0-9a-f.:]*[.:][0-9a-f.:]*\) .*/\1/p' | sort -u | tr '\n' ' '; }
    is 'the filter finds the clients of refusals for good' "$(banned "$D/bad.log")" '198.51.100.7 198.51.100.8 2001:db8::7 '
    is 'and no others' "$(fail2ban-regex "$D/good.log" "$D/f2b/filter.d/postern.conf" | grep '^Lines:')" '*4 lines, *0 matched, 4 missed*'
    is 'fail2ban takes filter and jail' "$(fail2ban-client -c "$D/f2b" -t 2>&1 | tail -n 1)" 'OK*'
fi
exit $status
