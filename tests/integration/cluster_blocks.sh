#!/bin/bash
# Blocks, lifts and resets among relays, through a real Redis: seen at the others, in whatever order, by a relay that was away, and
# not by who owns Redis. TAP lines. BUILD: the folder with programs.
set -u
cd "$(dirname "$0")/../.." || exit 1
. scripts/relay.sh
. tests/integration/cluster_lib.sh
roaming="block 1h"
redis_start
cluster_make a b c

postern() { "$build/postern" -c "$T/$1/postern.conf" "${@:2}" 2>&1; }
blocks() { postern "$1" blocks --csv | grep -c "$2"; }

# ---- there and back ----
login
postern a block user $who --for 1h >>"$T/cli.log"
got=$(ask until 5 $who "$T/b/policyd.sock")
is "a block at one relay refuses at another, after $got ms" "$got" '[0-9]*'
becomes 'and at the third' "ask once $who $T/c/policyd.sock" '5*'
is 'by whom it was made is known there' "$(postern b blocks | grep -c "$who")" 1
postern c unblock user $who >>"$T/cli.log"
got=$(ask until DUNNO $who "$T/a/policyd.sock")
is "its lift at the third lets it through at the first, after $got ms" "$got" '[0-9]*'
becomes 'and at the second' "ask once $who $T/b/policyd.sock" DUNNO
postern b block user $who --for 2h >>"$T/cli.log"
becomes 'a block after the lift stands' "ask once $who $T/a/policyd.sock" '5*'
postern a block 192.0.2.0/28 >>"$T/cli.log"
becomes 'so does one of a network, for ever' "blocks c 192.0.2.0/28" 1
postern a block user $who --for 4h >>"$T/cli.log"
end_of() { postern "$1" blocks --csv | sed -n "s/^user $2,[^,]*,\([^,]*\)\(:..Z\),.*/\1/p"; }
becomes 'the later end holds everywhere' "end_of c $who" "$(end_of a $who)*"

# ---- limits' blocks ----
login
for i in 1 2 3 4 5 6; do ask once $who "$T/a/policyd.sock" "198.51.$((100 + i)).1"; done >"$T/travel"
is 'a traveller too many is blocked by a limit' "$(tail -n 1 "$T/travel")" '5*'
becomes 'whose block the others have' "blocks b $who" 1
postern b unblock user $who >>"$T/cli.log"
becomes 'its lift resets the counters that led to it, at all relays' "ask once $who $T/a/policyd.sock 198.51.120.1; ask once $who $T/c/policyd.sock 198.51.121.1" 'DUNNO*DUNNO'

# ---- never_block is local ----
login
sed -i "s/^milter = /never_block = [\"$who\"];\nmilter = /" "$T/c/postern.conf"
kill -USR1 "$(cat "$T/cluster-c.pid")" "$(cat "$T/policyd-c.pid")"
becomes 'the service reads its configuration again' "shares c" 2
postern a block user $who >>"$T/cli.log"
becomes 'a relay that protects the subject does not take the block, and says so' "grep -c 'never_block protects' $T/cluster-c.log" 1
is 'and lets it through' "$(ask once $who "$T/c/policyd.sock")" DUNNO
becomes 'which the others do not' "ask once $who $T/b/policyd.sock" '5*'

sed -i 's|^"Guid","PrimarySmtpAddress"|&,"EmailAddresses"|; s|"\(user[0-9]*\)@contoso.example"|&,"smtp:\1.alias@contoso.example"|' "$T/cas.csv"
"$build/postern-mirror" import -d "$T/directory" --tenant contoso "$T/cas.csv" "$T/transport.json" >>"$T/mirror.log" 2>&1
login
sed -i "s/^never_block = .*/never_block = [\"${who%@*}.alias@contoso.example\"];/" "$T/c/postern.conf"
kill -USR1 "$(cat "$T/cluster-c.pid")" "$(cat "$T/policyd-c.pid")"
becomes 'it reads that another one is protected, by another address of its mailbox' "shares c" 3
becomes 'which the mirrored directory tells' "postern c explain --user ${who%@*}.alias@contoso.example | grep -c 'found by'" 1
postern a block user $who >>"$T/cli.log"
becomes 'nor is a mailbox blocked there that is protected so' "grep -c 'never_block protects' $T/cluster-c.log" '[2-9]'
is 'and its mail goes on' "$(ask once $who "$T/c/policyd.sock")" DUNNO
protected=$who
login
postern a block user $who >>"$T/cli.log"
becomes 'a later one it has' "blocks c $who" 1
is 'and has said it once, though it heard it with all blocks, too' "$(grep -c "blocked user $protected: never_block protects" "$T/cluster-c.log")" 1

# ---- a relay that was away ----
login
one=$who
login
two=$who
postern a block user $two >>"$T/cli.log"
becomes 'a block that will be lifted' "blocks c $two" 1
stop cluster-c
postern a block user $one --for 1h >>"$T/cli.log"
postern b unblock user $two >>"$T/cli.log"
becomes 'all others have it' "blocks b $one" 1
login
three=$who
postern a block user $three >>"$T/cli.log"
relay_wait eval '[ "$(blocks b $three)" = 1 ]'
postern c block user $three >>"$T/cli.log"
postern c unblock user $three >>"$T/cli.log"
run cluster-c "$build/postern-cluster" -c "$T/c/postern.conf"
becomes 'a relay that was away takes the blocks of that time' "blocks c $one" 1
becomes 'and the lifts' "blocks c $two" 0
becomes 'and what it lifted itself meanwhile is lifted at the others' "blocks a $three; blocks b $three; blocks c $three" '0*0*0'

# ---- a new relay ----
proxies d
relay d
"$build/postern-cluster" join -c "$T/d/postern.conf" >>"$T/cli.log" 2>&1
redis DEL 'postern:{m}:events' >>"$T/cli.log"
between d unscanned
start d
becomes 'a new relay whose connection ends while it reads the blocks and lists that stand' "grep -c 'no connection to Redis' $T/cluster-d.log" '[1-9]*'
is 'has none of them yet' "$(blocks d $one)" 0
between d pass
becomes 'has them, also without the events, when it is connected again' "blocks d $one" 1
postern d deny --cluster user59@contoso.example >>"$T/cli.log"
becomes 'and tells the others what is entered there' "grep -c user59@contoso.example $T/a/cluster/deny" 1
sleep 1
is 'and none that was lifted' "$(blocks d $two)" 0

# ---- who owns Redis ----
strings "$T"/*.rdb 2>/dev/null | grep contoso
is 'Redis knows none of them' "$(redis HGETALL 'postern:{m}:blocks' | strings | grep -c 'contoso\|operator')" 0
redis XREVRANGE 'postern:{m}:events' + - COUNT 1 >/dev/null
login
postern a block user $who --for 1h >>"$T/cli.log"
becomes 'a block' "blocks b $who" 1
postern a unblock user $who >>"$T/cli.log"
becomes 'is lifted' "blocks b $who" 0
# owner DOES: who owns Redis shows everything again, changed, or made up; keeps the blocks that are there; or brings these back.
cat >"$T/owner.py" <<'PY'
import pickle, socket, sys
class Redis:
    def __init__(self): self.s = socket.socket(socket.AF_UNIX); self.s.connect(sys.argv[1]); self.f = self.s.makefile("rb")
    def read(self):
        line = self.f.readline()
        kind, rest = line[:1], line[1:-2]
        if kind == b"*": return [self.read() for _ in range(int(rest))]
        if kind == b"$":
            if int(rest) < 0: return None
            data = self.f.read(int(rest)); self.f.read(2); return data
        return rest
    def __call__(self, *words):
        words = [w if isinstance(w, bytes) else w.encode() for w in words]
        self.s.sendall(b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%s\r\n" % (len(w), w) for w in words))
        return self.read()
r = Redis()
if sys.argv[2] == "keep":
    pickle.dump(r("HGETALL", "postern:{m}:blocks"), open(sys.argv[3], "wb"))
elif sys.argv[2] == "bring back":
    r("DEL", "postern:{m}:events")
    r("HSET", "postern:{m}:blocks", *pickle.load(open(sys.argv[3], "rb")))
else:
  for _, (_, record) in r("XRANGE", "postern:{m}:events", "-", "+"):
    r("XADD", "postern:{m}:events", "*", "r", record)               # again
    r("XADD", "postern:{m}:events", "*", "r", record[:-1] + b"x")   # changed
    r("XADD", "postern:{m}:events", "*", "r", b"x" * 3)
PY
owner() { python3 "$T/owner.py" "$T/redis.sock" "$@"; }
owner shows
postern b block user $who --for 1h >>"$T/cli.log"
becomes 'what is played again, changed or made up unblocks nobody' "blocks a $who; blocks c $who; blocks a $one; blocks c 192.0.2.0/28" '1*1*1*1'

login
for i in 1 2 3 4 5 6; do ask once $who "$T/a/policyd.sock" "198.51.$((100 + i)).1"; done >"$T/travel"
becomes 'a block of a limit' "blocks c $who" 1
postern a unblock user $who >>"$T/cli.log"
becomes 'is lifted, too' "blocks c $who" 0
for i in 1 2 3; do ask once $who "$T/c/policyd.sock" "198.51.$((110 + i)).1"; done >"$T/travel"
before=$(used c $who roaming)
stop cluster-c
run cluster-c "$build/postern-cluster" -c "$T/c/postern.conf"
becomes 'a relay begins again' "shares c; grep -c 'counters of all relays were taken over' $T/cluster-c.log" '5*5'
owner shows
login
postern b block user $who --for 1h >>"$T/cli.log"
becomes 'and has read all that is played to it' "blocks c $who" 1
n=$((n - 1))
is 'which resets nothing that was counted since' "$(used c user$n@contoso.example roaming)" "$before"
n=$((n + 1))

# ---- Redis begins again with earlier data ----
login
postern a block user $who >>"$T/cli.log"
becomes 'a block' "blocks b $who; redis HLEN 'postern:{m}:blocks'" '1*'
owner keep "$T/kept"
before=$(redis HLEN 'postern:{m}:blocks')
postern b unblock user $who >>"$T/cli.log"
becomes 'is lifted' "blocks a $who" 0
sleep 11 # what a relay told in the ten seconds before its last word is told again
lifted=$who
login
postern b block user $who >>"$T/cli.log"
becomes 'and another one is made' "blocks a $who; redis HLEN 'postern:{m}:blocks'" "1*$before"
owner 'bring back' "$T/kept"
is 'a Redis that has the lifted one again' "$(redis HLEN 'postern:{m}:blocks')" $((before + 1))
redis CLIENT KILL TYPE normal >>"$T/cli.log"
becomes 'does not keep it' "redis HLEN 'postern:{m}:blocks'" "$before"
is 'nor do the relays' "$(blocks a $lifted) $(blocks b $lifted)" '0 0'

# ---- Redis forgets ----
redis FLUSHALL >>"$T/cli.log"
becomes 'a Redis that was emptied is told all blocks again' "redis HLEN 'postern:{m}:blocks'" '[1-9]*'
login
postern a block user $who --for 1h >>"$T/cli.log"
becomes 'and passes new ones on' "blocks b $who; blocks c $who" '1*1'

is 'nothing was wrong in their memory' "$(grep -l 'ERROR: \|runtime error' "$T"/*.log)" ''
exit $status
