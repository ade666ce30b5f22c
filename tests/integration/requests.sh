#!/bin/bash
# Requests to switch SMTP AUTH off, in the spool: from whom they are taken, and in which order. Nothing is asked of Exchange Online:
# the tenants don't allow it, so each attempt is a line that says so. TAP lines. Needs root. BUILD: the folder with programs.
set -u
cd "$(dirname "$0")/../.." || exit 1
build=$(realpath "${BUILD:-build/asan}")
if [ "$(id -u)" -ne 0 ]; then
    echo 'ok requests # SKIP files of several users need root'
    exit 0
fi
D=$(mktemp -d "${TMPDIR:-/tmp}/postern-requests.XXXXXX")
trap 'rm -rf "$D"' EXIT
trap 'exit 1' INT TERM
status=0
owner=nobody   # who the services run as here
member=games   # who is in their group, as the program for notices is

is()
{
    # shellcheck disable=SC2254  # a pattern is what is wanted
    case $2 in $3) echo "ok $1" ;; *) echo "not ok $1"; printf '    got:      %s\n    expected: %s\n' "$2" "$3"; status=1 ;; esac
}

cat >"$D/postern.conf" <<END
directory = "$D/directory"; state = { file = "$D/state"; entries = 1024; }; journal = ""; spool = "$D/spool";
log = { to = "stderr"; }; preset = "none";
tenants = ( { name = "contoso"; domains = ["contoso.example"]; }, { name = "fabrikam"; domains = ["fabrikam.example"]; } );
END
chmod 755 "$D"
disable=$D/spool/disable
install -d -o $owner -g nogroup -m 2770 "$D/spool" "$disable"

# request USER NAME TENANT MAILBOX [AGE]: of the age "1 hour ago", unless given.
request()
{
    setpriv --reuid="$1" --regid=nogroup --clear-groups sh -c 'umask 027; cat >"$0"' "$disable/$2.json" <<END
{"event": "disabled", "at": $(date +%s), "facts": {"tenant": "$3", "mailbox": "$4", "limit": "theft"}}
END
    touch -d "${5:-1 hour ago}" "$disable/$2.json"
}
respond() { "$build/postern-mirror" respond -c "$D/postern.conf" >"$D/log" 2>&1 </dev/null; }
attempts() { sed -n 's/: not disabled: .*//p' "$D/log"; }
waiting() { find "$disable" -maxdepth 1 -name '*.json' | wc -l; }
failed() { find "$disable/failed" -name '*.json' -printf '%f ' | tr ' ' '\n' | sort | tr '\n' ' '; }

# ---- whose ----
request $member forged contoso anna@contoso.example
request $owner own contoso bert@contoso.example
request root operator contoso cleo@contoso.example
request $owner loose contoso dora@contoso.example
chmod 660 "$disable/loose.json"
ln -s /etc/passwd "$disable/link.json"
respond
is 'those of the services and of root are tried' "$(attempts | sort | tr '\n' ' ')" 'bert@contoso.example cleo@contoso.example '
is 'those of others, those that others could write, and links are put aside' "$(failed)" 'forged.json link.json loose.json '
is 'which says by whom, and who may' "$(grep 'forged.json' "$D/log")" "forged.json: refused: user $(id -u $member) *postern's own user ($(id -u $owner))*"
is 'from now on nobody else can put one there' "$(stat -c '%U %a' "$disable" "$disable/failed" | tr '\n' ' ')" "$owner 2750 $owner 2750 "
is 'not even the same again' "$(setpriv --reuid=$member --regid=nogroup --clear-groups mv "$disable/failed/forged.json" "$disable/" 2>&1)" '*Permission denied*'
rm -f "$disable"/*.json

# ---- in turn ----
for i in $(seq 100 160); do request $owner "$i" contoso "gone$i@contoso.example" "$((400 - i)) minutes ago"; done
request $owner 000 contoso late@contoso.example '1 minute ago'
request $owner 999 fabrikam anna@fabrikam.example '2 minutes ago'
respond
is 'the oldest comes first, then that of the other tenant' "$(attempts | head -n 3 | tr '\n' ' ')" \
    'gone100@contoso.example anna@fabrikam.example gone101@contoso.example '
is 'so many in one run' "$(attempts | wc -l) $(waiting)" '50 63'
respond
is 'the next run begins where that one ended' "$(attempts | head -n 2 | tr '\n' ' ')" 'gone149@contoso.example anna@fabrikam.example '
is 'and none is held up by those that cannot be done' "$(attempts | grep -c late)" 1

is 'nothing came out of the sanitizers' "$(grep -c 'ERROR: \|runtime error' "$D/log")" 0
exit $status
