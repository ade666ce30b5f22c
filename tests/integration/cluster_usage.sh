#!/bin/bash
# Reports on usage among relays that share what they count, through a real Redis: who sends through one is not unused at another,
# and a relay whose usage is not known is named. TAP lines. BUILD: the folder with programs.
set -u
cd "$(dirname "$0")/../.." || exit 1
. scripts/relay.sh
. tests/integration/cluster_lib.sh
redis_start
cluster_directory
for name in a b c; do
    relay $name
    sed -i "s|journal = \"\"|journal = \"$T/$name/journal\"|" "$T/$name/postern.conf"
done
"$build/postern-cluster" init -c "$T/a/postern.conf" >>"$T/cli.log" 2>&1
for name in b c; do "$build/postern-cluster" join -c "$T/$name/postern.conf" >>"$T/cli.log" 2>&1; done

postern() { "$build/postern" -c "$T/$1/postern.conf" "${@:2}" 2>&1; }
# What it says beside the rows.
said() { "$build/postern" -c "$T/$1/postern.conf" "${@:2}" 3>&1 >/dev/null 2>&3; }
sql() { python3 -c 'import sqlite3, sys; c = sqlite3.connect(sys.argv[1]); print(*[" ".join(map(str, r)) for r in c.execute(sys.argv[2])]); c.commit()' "$@"; }
unused() { postern "$1" report unused --csv | grep -c "$2"; }
# told OF AT: has all of that relay's usage arrived there?
told() { sql "$T/$2/cluster/usage.sqlite" "SELECT complete FROM relays WHERE name='$1' AND as_of>0"; }
# noted RELAY LOGIN: is its message in that relay's own usage?
noted() { [ "$(sql "$T/$1/journal/journal.sqlite" "SELECT count(*) FROM usage WHERE mailbox='$2'")" = 1 ]; }
findings() { "$build/postern" -c "$T/$1/postern.conf" audit --json | python3 -c 'import json, sys; print([f["id"] for f in json.load(sys.stdin)["findings"]].count("usage-missing"))'; }
begin_journal() { sql "$T/$1/journal/journal.sqlite" "INSERT INTO meta VALUES ('first',$(date -d "${2:-120} days ago" +%s))"; }

for name in a b c; do
    run "policyd-$name" "$build/postern-policyd" -c "$T/$name/postern.conf"
    relay_wait relay_listens_at "$T/$name/policyd.sock"
    relay_wait test -e "$T/$name/journal/journal.sqlite"
done
relay_wait begin_journal a
relay_wait begin_journal b 100
relay_wait begin_journal c

# ---- before anything was told ----
is 'without postern-cluster the others are not known, and it is said' "$(postern a report unused)" "*What is silent may be used: *the usage of the cluster's other relays is not known (*postern-cluster has not run here yet)*"
is 'nor is a script made of it' "$(postern a report unused --powershell; echo "= $?")" "*other relays is not known*--force*= 1"

# ---- told ----
login
ask once $who "$T/b/policyd.sock" 192.0.2.7 >>"$T/asked"
ask once $who "$T/a/policyd.sock" 192.0.2.8 >>"$T/asked"
login
two=$who
ask once $two "$T/c/policyd.sock" 192.0.2.9 >>"$T/asked"
login
three=$who
relay_wait noted a user1@contoso.example
relay_wait noted b user1@contoso.example
relay_wait noted c $two
for name in a b c; do run "cluster-$name" "$build/postern-cluster" -c "$T/$name/postern.conf"; done
for name in a b c; do relay_wait shares $name; done
for at in a b c; do for of in a b c; do [ $at = $of ] || becomes "all of $of's usage is told to $at" "told $of $at" 1; done; done
becomes 'who sends through one relay is not unused at another' "unused a $two" 0
is 'nor at the third' "$(unused b "$two"; unused b user1@)" '0
0'
is 'who sends through none is unused' "$(unused a "$three")" 1
is 'what was sent through several is summed, with the clients of all' "$(postern a report used --json | grep user1@)" '*"messages": 2,*192.0.2.[78] 192.0.2.[78]*"missing_relays": null*'
is 'and the same everywhere' "$(postern b report used --csv | cut -d, -f1-13)" "$(postern c report used --csv | cut -d, -f1-13)"
is 'passwords, too' "$(postern a report basic --csv | grep -c "$two")" 1
is 'nobody is missing' "$(said a report used)" ''
is 'usage is known since the relay that knows least far back began' "$(postern a report unused --days 90)" "*from $(date -d '100 days ago' +%Y-%m-%d)* on at all relays that told it*"
is 'audit finds the same' "$(findings a)" 0
is 'Redis sees none of it' "$(redis XRANGE 'postern:{m}:usage' - + | strings | grep -c 'contoso\|192\.0')" 0
is 'and keeps it for a day at most' "$(redis TTL 'postern:{m}:usage')" '8????'

# ---- a change ----
ask once $three "$T/c/policyd.sock" 192.0.2.9 >>"$T/asked"
becomes 'a change is told within a minute or so' "unused a $three" 0

# ---- Redis is emptied ----
redis FLUSHALL >>"$T/cli.log"
login
ask once $who "$T/b/policyd.sock" >>"$T/asked"
becomes 'a Redis that was emptied is told what changes' "unused a $who" 0
becomes 'and nothing is missing' "told b a; told c a" '1*1'

# ---- a new relay ----
redis XTRIM 'postern:{m}:usage' MAXLEN 0 >>"$T/cli.log"
relay d
sed -i "s|journal = \"\"|journal = \"$T/d/journal\"|" "$T/d/postern.conf"
"$build/postern-cluster" join -c "$T/d/postern.conf" >>"$T/cli.log" 2>&1
start d
becomes 'a new relay asks the others for all that they know' "told a d; told b d; told c d" '1*1*1'
becomes 'and reports it' "postern d report used --csv | grep -c '$two\\|$three\\|$who\\|user1@'" 4
stop cluster-d
stop policyd-d

# ---- a relay that does not tell ----
stop cluster-b -KILL
for at in a c; do sql "$T/$at/cluster/usage.sqlite" "UPDATE relays SET as_of=as_of-1200 WHERE name='b'" >>"$T/cli.log"; done
is 'a relay that has told nothing of late is named' "$(postern a report unused)" '*What is silent may be used: *relay b told its usage last 2?m ago*'
is 'in reports for programs, too' "$(postern a report used --json | grep user1@)" '*"missing_relays": *b*'
is 'and in the others' "$(said a report basic; said a report enabled)" '*relay b told its usage last*relay b told its usage last*'
is 'a script that disables is refused' "$(postern a report unused --days 7 --powershell; echo "= $?")" '*relay b told its usage last*the script would disable mailboxes that are used*--force*= 1'
is 'or carries it' "$(postern a report unused --days 7 --powershell --force)" '*# WARNING: relay b told its usage last*called unused below*'
is 'audit says it' "$(findings a)" 1

# ---- postern-cluster does not run ----
stop cluster-a
# The last one to close it would take the files beside it away.
run older python3 -c 'import sqlite3, sys, time; c = sqlite3.connect(sys.argv[1]); c.execute("UPDATE own SET shared=shared-1200"); c.execute("UPDATE relays SET as_of=as_of-1200"); c.commit(); print("older", flush=True); time.sleep(600)' "$T/a/cluster/usage.sqlite"
relay_wait grep -q older "$T/older.log"
is 'without postern-cluster all others are named' "$(postern a report unused)" '*postern-cluster does not run here*relay b told*relay c told*'
is 'what they told before still counts' "$(unused a "$two")" 0
stop older
run cluster-a "$build/postern-cluster" -c "$T/a/postern.conf"
becomes 'when it runs again they are told of' "postern a report unused 2>&1 | grep -c 'relay c'" 0

# ---- what else asks who sent ----
becomes 'status names whose usage is missing' "postern a status --cluster" '*Reports on usage are incomplete: relay b told its usage last*'
is 'decisions are said to be this relay'"'"'s' "$(postern a log --user "$two")" '*other relays have their own*'
postern a block user "$two" >>"$T/cli.log"
is 'so is what is known of a block' "$(postern a blocks)" '*are those that this relay saw*'
is 'and are verdicts' "$(postern a status)" '*Verdicts of this relay since*'
postern a unblock user "$two" >>"$T/cli.log"
sed "s/\(\"${two%%@*}@.*\)\"False\"/\1\"True\"/" "$T/cas.csv" >"$T/closed.csv"
is 'an import names whom it shuts out, wherever they sent, and whose usage is not known' "$("$build/postern-mirror" import -c "$T/a/postern.conf" --tenant contoso "$T/closed.csv" "$T/transport.json" 2>&1)" "*1 of them sent in the last 30 days: $two*(but relay b told its usage last*"

is 'nothing was wrong in their memory' "$(grep -l 'ERROR: \|runtime error' "$T"/*.log)" ''
exit $status
