#!/bin/bash
# Every row of tests/attacks/bypass.tsv through the decision, the running postern-policyd and the running
# postern-milter: the same verdict for the same reason from each. And what they write into their logs meanwhile reads back.
set -u
cd "$(dirname "$0")/../.." || exit 1
. scripts/relay.sh
BIN=${BIN:-build/asan}
make -s --no-print-directory VARIANT=asan B="$BIN" "$BIN/tests/attacks/bypass" >/dev/null || exit 1
T=$(mktemp -d /tmp/postern-bypass.XXXXXX)
pids=
stop() { for pid in $pids; do kill "$pid" 2>/dev/null; done; wait; rm -rf "$T"; }
trap stop EXIT
trap 'exit 1' INT TERM

fail()
{
    echo "not ok $*"
    tail -n 20 "$T"/*.log "$T"/*/*.log 2>/dev/null
    exit 1
}

for tenant in contoso fabrikam tailspin; do
    "$BIN/postern-mirror" import -d "$T/directory" --force --tenant $tenant tests/attacks/world/$tenant-* >>"$T/mirror.log" 2>&1 ||
        fail "the import of $tenant"
done
for rules in tests/attacks/rules/*.conf; do
    folder=$T/$(basename "$rules" .conf)
    mkdir -p "$folder"
    cp tests/attacks/world/{logins,deny} "$folder/"
    {
        cat "$rules"
        echo "directory = \"$T/directory\"; state = { file = \"$folder/state\"; entries = 4096; }; journal = \"\";"
        # Both formats of the log are looked at.
        format=text
        [[ $rules != *strict* ]] || format=json
        echo "preset = \"none\"; log = { to = \"stderr\"; format = \"$format\"; };"
        echo "policyd = { listen = \"unix:$folder/policyd.sock\"; workers = 1; };"
        echo "milter = { listen = \"unix:$folder/milter.sock\"; };"
        "$BIN/tests/attacks/bypass" replies
    } >"$folder/postern.conf"
    for program in policyd milter; do
        "$BIN/postern-$program" -c "$folder/postern.conf" 2>"$folder/$program.log" &
        pids="$pids $!"
    done
done
for folder in "$T"/*/; do
    [ -f "$folder/postern.conf" ] || continue
    for program in policyd milter; do
        relay_wait relay_listens_at "$folder$program.sock" || fail "the programs start ($folder)"
    done
done
"$BIN/tests/attacks/bypass" run "$T" tests/attacks/bypass.tsv
status=$?
for pid in $pids; do kill "$pid"; done
for pid in $pids; do wait "$pid" || fail "the programs end in good order"; done
pids=
if grep -l 'ERROR: \|runtime error' "$T"/*/*.log; then fail "nothing comes out of the sanitizers"; fi
echo "ok nothing comes out of the sanitizers"
python3 tests/attacks/log_reads_back.py tests/attacks/bypass.tsv "$T"/*/*.log || status=1
exit $status
