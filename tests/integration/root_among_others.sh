#!/bin/bash
# What root runs by hand works in folders of the services' user. Who has that user plants links there: in the place of a folder, of a
# file, and between a look and an open. Root's own files stay as they are, and each command ends with a word about it. TAP lines.
# Needs root. BUILD: the folder with programs.
set -u
cd "$(dirname "$0")/../.." || exit 1
. scripts/relay.sh
build=$(realpath "${BUILD:-build/asan}")
if [ "$(id -u)" -ne 0 ]; then
    echo 'ok root among others # SKIP this is about root'
    exit 0
fi
D=$(mktemp -d "${TMPDIR:-/tmp}/postern-root.XXXXXX")
pids=
finish()
{
    local pid
    for pid in $pids; do kill "$pid" 2>/dev/null; done
    wait
    rm -rf "$D"
}
trap finish EXIT
trap 'exit 1' INT TERM
status=0

is()
{
    # shellcheck disable=SC2254  # a pattern is what is wanted
    case $2 in $3) echo "ok $1" ;; *) echo "not ok $1"; printf '    got:      %s\n    expected: %s\n' "$2" "$3"; status=1 ;; esac
}
them=(setpriv --reuid=nobody --regid=nogroup --clear-groups)

chmod 755 "$D"
install -d -o nobody -g nogroup -m 750 "$D/lib" "$D/lib/directory" "$D/lib/spool"
install -d -m 700 "$D/root" "$D/root/folder"
cat >"$D/postern.conf" <<END
directory = "$D/lib/directory"; journal = "$D/lib/journal"; spool = "$D/lib/spool";
state = { file = "$D/lib/state"; entries = 1024; };
log = { to = "stderr"; }; preset = "none";
smtp_auth = { allow_file = "lib/allow"; deny_file = "lib/deny"; };
alerts = ( { command = ["/bin/true"]; } );
tenants = ( { name = "contoso"; domains = ["contoso.example"];
    exchange = { tenant_id = "7a5d1c3e-52b0-4f0e-9c7d-2f6a10b4e8d1"; application = "7a5d1c3e-52b0-4f0e-9c7d-2f6a10b4e8d2";
        secret_file = "$D/none"; }; } );
policyd = { listen = "unix:$D/lib/policyd.sock"; };
milter = { listen = "unix:$D/lib/milter.sock"; };
END
printf '"Guid","PrimarySmtpAddress","OWAEnabled","SmtpClientAuthenticationDisabled"\n"0a7d6d2c-0001-4b7e-9d55-000000000001","anna@contoso.example","True","False"\n' >"$D/cas.csv"
for file in allow deny; do echo '# by hand' | "${them[@]}" tee "$D/lib/$file" >/dev/null; done
postern() { "$build/postern" -c "$D/postern.conf" "$@" >"$D/out" 2>&1 </dev/null; }
mirror() { "$build/postern-mirror" "$@" -c "$D/postern.conf" >"$D/out" 2>&1 </dev/null; }
imports() { mirror import --tenant contoso "$D/cas.csv"; }
serves() # PROGRAM: started by root, until it listens
{
    "$build/postern-$1" -c "$D/postern.conf" >"$D/$1.log" 2>&1 &
    pids="$pids $!"
    relay_wait relay_listens_at "$D/lib/$1.sock"
}
stops() { kill -TERM "${pids##* }"; wait "${pids##* }"; }

# ---- all is well: what root makes there is theirs ----
imports
is 'root brings mailboxes in' "$? $(tail -n 1 "$D/out")" '0 *'
serves policyd
stops
serves milter
stops
postern block anna@contoso.example
is 'root blocks a login' "$?" 0
postern log
is 'root reads the journal' "$? $(cat "$D/out")" '0 *'
postern deny --force bert@contoso.example
is 'root changes a list' "$?" 0
mirror sync
is 'a run of root that fails leaves a notice' "$(find "$D/lib/spool/alerts" -name '*.json' | wc -l)" 1
is 'all of it belongs to the services' "$(find "$D/lib" ! \( -user nobody -group nogroup \) -printf '%P %u:%g\n')" ''
"${them[@]}" "$build/postern-policyd" -c "$D/postern.conf" >"$D/them.log" 2>&1 &
pids="$pids $!"
relay_wait relay_listens_at "$D/lib/policyd.sock"
stops
is 'and they can go on with it' "$(grep -c 'Permission denied\|cannot' "$D/them.log")" 0

# What libraries read for people is not read by root.
left() { strace -f -qq -e trace=setresuid -e signal=none -o "$D/trace" "$@" >"$D/out" 2>&1 </dev/null; grep -c "setresuid($(id -u nobody), " "$D/trace"; }
c=(-c "$D/postern.conf")
for command in 'explain --user anna@contoso.example' log blocks 'report enabled' status metrics; do
    # shellcheck disable=SC2086 # a command and its arguments
    is "postern $command goes on as the services' user" "$(left "$build/postern" "${c[@]}" $command)" '[1-9]'
done
is 'so does what shows the directory' "$(left "$build/postern-mirror" show "${c[@]}")" 1
is 'and what brings mailboxes in' "$(left "$build/postern-mirror" import "${c[@]}" --tenant contoso "$D/cas.csv")" 1

# ---- links in the place of folders and files ----
echo '# root only' >"$D/root/file"
find "$D/root" -printf '%P %m %s %T@\n' | sort >"$D/before"
# planted WHAT TARGET COMMAND...: with lib/WHAT replaced by a link to root/TARGET.
planted()
{
    local what=$1 target=$2 said result
    shift 2
    mv "$D/lib/$what" "$D/lib/.aside" 2>/dev/null
    "${them[@]}" ln -s "$D/root/$target" "$D/lib/$what" || echo "not ok there is a link in the place of $what"
    "$@"
    result=$?
    said=$(find "$D/root" -printf '%P %m %s %T@\n' | sort | diff "$D/before" - | tr '\n' ' ')
    [ $result -ne 0 ] || said="$said, and it ended well"
    [ $result -lt 128 ] || said="$said, and ended with $result"
    grep -qE 'Permission denied|symbolic link|another|Not a directory|not a plain file' "$D/out" || said="$said, and said: $(cat "$D/out")"
    is "a link in the place of $what leads ${1#_} nowhere" "$said" ''
    rm -f "$D/lib/$what"
    mv "$D/lib/.aside" "$D/lib/$what" 2>/dev/null
}
planted directory folder imports
planted directory folder postern explain --user anna@contoso.example
planted directory/lock file imports
planted journal folder postern log
planted journal/journal.sqlite file postern log
planted journal/journal.sqlite-wal file postern log
planted journal/journal.sqlite-shm file postern log
planted state file postern blocks
planted allow file postern deny anna@contoso.example
planted deny file postern deny anna@contoso.example
planted spool folder mirror respond
planted spool/disable folder mirror respond
_policyd() { timeout 180 "$build/postern-policyd" -c "$D/postern.conf" >"$D/out" 2>&1; }
_milter() { timeout 180 "$build/postern-milter" -c "$D/postern.conf" >"$D/out" 2>&1; }
planted milter.sock.lock file _milter
rm -f "$D/lib/policyd.sock"
planted policyd.sock file _policyd

# ---- links between a look and an open ----
# exchange FILE TARGET: as they would, as fast as can be.
cat >"$D/exchange.py" <<'END'
import ctypes, os, sys
path, target = sys.argv[1:]
libc = ctypes.CDLL(None)
link = (path + ".link").encode()
os.symlink(target, link)
while os.getppid() != 1:
    if os.path.lexists(path):
        libc.renameat2(-100, path.encode(), -100, link, 2)  # RENAME_EXCHANGE
    else:
        try: os.symlink(target, path)
        except FileExistsError: pass
END
# raced WHAT TARGET COMMAND...: often, while that goes on.
raced()
{
    local what=$1 target=$2 ends=
    shift 2
    "${them[@]}" /usr/bin/python3 "$D/exchange.py" "$D/lib/$what" "$D/root/$target" &
    local racer=$!
    pids="$pids $racer"
    for _ in $(seq 30); do
        "$@" || ends="$ends $?:$(grep -cE '^postern(-mirror| log)?: .+' "$D/out")"
    done
    kill $racer; wait $racer 2>/dev/null
    is "$* in a race for $what changes nothing of root's" "$(find "$D/root" -printf '%P %m %s %T@\n' | sort | diff "$D/before" -)" ''
    is 'and ends well, or with one clear error' "$(tr ' ' '\n' <<<"$ends" | grep -v '^1:1$' | grep . | head -n 3)" ''
    rm -rf "${D:?}/lib/$what" "${D:?}/lib/$what.link"
}
raced journal/journal.sqlite-shm file postern log
raced journal/journal.sqlite-wal file postern log
raced journal/journal.sqlite file postern log
raced directory/.next.mdb created imports
raced directory/.next.manifest created imports
rm -rf "$D/lib/journal"

is 'nothing came out of the sanitizers' "$(grep -l 'ERROR: \|runtime error' "$D"/*.log "$D/out")" ''
exit $status
