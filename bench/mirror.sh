#!/bin/bash
# Measures "postern-mirror sync" against the Exchange Online stand-in on the same machine: its processor time beside that of
# parsing the same bytes with jansson alone, its memory, and what policyd's clients notice while it runs.
#
#   bench/mirror.sh BUILD-DIRECTORY
#
# MAILBOXES=1000000 SAMPLE=20000 (mailboxes whose pages jansson parses; its time is taken per byte)
set -u
cd "$(dirname "$0")/.." || exit 1
. tests/standin/standin.sh
build=${1:-build/release}
mailboxes=${MAILBOXES:-1000000} sample=${SAMPLE:-20000}
work=$(mktemp -d "${TMPDIR:-/tmp}/postern-bench.XXXXXX")
policyd=
finish()
{
    [ -z "$policyd" ] || kill "$policyd" 2>/dev/null
    standin_stop
    rm -rf "$work"
}
trap finish EXIT
trap 'exit 1' INT TERM

field() { sed -n "s/.*\b$1=\([0-9.]*\).*/\1/p" "$2" | tail -n 1; }
scenario() { printf '{"gzip":false,"tenants":{"%s":{"mailboxes":%d%s}}}' "$STANDIN_TENANT" "$1" "${2:-}"; }

configure()
{
    cat >"$work/postern.conf" <<END
directory = "$work/directory";
state = { file = "$work/state"; };
journal = "$work/journal";
log = { to = "stderr"; };
tls = { required = false; };
preset = "none";
policyd = { listen = "unix:$work/policyd.sock"; workers = 1; };
milter = { listen = ""; };
tenants = ( { name = "contoso"; exchange = {
    tenant_id = "$STANDIN_TENANT"; application = "$STANDIN_CLIENT_ID"; secret_file = "$STANDIN_SECRET_FILE";
    ca_file = "$STANDIN_CA";
    hosts = { login = "localhost:$STANDIN_PORT"; exchange = "localhost:$STANDIN_PORT"; graph = "graph.localhost:$STANDIN_PORT"; };
}; } );
END
}

# sync_run NAME: as the unit runs it, with what the processors have left over.
sync_run()
{
    bench/mirror_tool.py run chrt --idle 0 "$build/postern-mirror" sync -c "$work/postern.conf" >"$work/$1" 2>&1
    [ "$(field status "$work/$1")" = 0 ] || { cat "$work/$1" >&2; exit 1; }
}

# judge NAME WORDS: beside jansson, which takes $jansson_s for $jansson_bytes.
judge()
{
    local megabytes
    megabytes=$(sed -n 's/.*again, \([0-9.]*\) MB.*/\1/p' "$work/$1")
    awk -v words="$2" -v cpu="$(field cpu_s "$work/$1")" -v rss="$(field anonymous_mib "$work/$1")" -v mb="$megabytes" \
        -v js="$jansson_s" -v jb="$jansson_bytes" 'BEGIN {
        alone = js / jb * mb * 1e6
        printf "mirror: %s: %.1f s of processor time for %.0f MB, %.2f times jansson alone (%.1f s); peak %d MiB of anonymous memory\n", words, cpu, mb, cpu / alone, alone, rss
    }'
}

p99() { "$build/bench/policy_load" -c 2 -d "$1" -m "$mailboxes" "$work/policyd.sock" >"$work/load" && field p99_us "$work/load"; }

standin_start "$(scenario "$sample")" || exit 1
bench/mirror_tool.py pages "$STANDIN_PORT" "$STANDIN_CA" "$STANDIN_SECRET_FILE" "$STANDIN_TENANT" "$STANDIN_CLIENT_ID" "$work/pages"
read -r jansson_s _ jansson_bytes _ <<<"$("$build/bench/jansson_parse" "$work/pages")"
rm "$work/pages"
standin_scenario "$(scenario "$mailboxes")"
configure
mkdir "$work/directory"
sync_run first
judge first "$mailboxes mailboxes, first"
sync_run second
judge second 'unchanged'

"$build/postern-policyd" -c "$work/postern.conf" >/dev/null 2>"$work/log" &
policyd=$!
for _ in $(seq 500); do [ -S "$work/policyd.sock" ] && break; sleep 0.01; done
p99 4 >/dev/null
alone=$(p99 8)
# Every mailbox's name changes, so that a new generation is written and taken while clients ask.
standin_scenario "$(scenario "$mailboxes" ',"patch":{"Get-CASMailbox":{"DisplayName":"Changed"}}')"
sync_run third &
syncing=$!
sleep 1
: >"$work/during"
while kill -0 $syncing 2>/dev/null; do p99 4 >>"$work/during"; done
wait $syncing
sort -n "$work/during" | awk -v alone="$alone" '{ a[NR] = $1 } END { m = a[int((NR + 1) / 2)]; printf "policyd: p99 %.0f us alone, during a sync %.0f us (median of %d spans), %.0f us at worst: %.2f times\n", alone, m, NR, a[NR], m / alone }'
