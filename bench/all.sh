#!/bin/bash
# Everything that bench/README.md shows of speed against peers and growth: measures, then writes the tables and draws the plots.
# On a machine that does nothing else; about 20 minutes.
#
#   bench/all.sh [BUILD-DIRECTORY]
#
# QUICK=1: in a few minutes, to see that it works; the figures mean nothing. PARTS='peers postfix growth' chooses; what is
# left out keeps its last results. The variables of the parts (see their heads) shorten or lengthen each.
set -u
cd "$(dirname "$0")/.." || exit 1
. bench/lib.sh
build=${1:-build/release}
parts=${PARTS:-peers postfix growth}
[ -z "${QUICK:-}" ] || export ROUNDS=1 SECONDS_EACH=1 WARM_SECONDS=1 MESSAGES=160 COUNTED=500 MAILBOXES=10000 \
    KEYS='1000 10000 100000' CONNECTIONS_OF='1 10 100' LIMITS='1 4 32'
folder=build/bench
mkdir -p "$folder"

machine()
{
    row() { printf 'machine\t%s\t-\t0\t%s\n' "$1" "$2"; }
    row date "$(date -u +%F)"
    row cores "$(nproc)"
    row processor "$(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -n 1)"
    row memory "$(awk '/^MemTotal/ { printf "%.0f GiB", $2 / 1048576 }' /proc/meminfo)"
    row kernel "$(uname -r | sed 's/^\([0-9.]*\).*/\1/')"
    row system "$(. /etc/os-release && echo "$PRETTY_NAME"), Postfix $(postconf -h mail_version)"
    row compiler "$(gcc --version | head -n 1)"
    row commit "$(git rev-parse --short HEAD 2>/dev/null || echo unknown)"
}

machine >"$folder/machine.tsv"
for part in $parts; do
    say "$part"
    rm -f "$folder/$part.new"
    RESULTS=$PWD/$folder/$part.new "bench/$part.sh" "$build" || die "$part failed; the tables stay as they were"
    mv "$folder/$part.new" "$folder/$part.tsv"
done
cat "$folder"/*.tsv >"$folder/results"
bench/table.py "$folder/results" bench/README.md
say 'bench/README.md, bench/peers.svg and bench/growth.svg are new'
