#!/bin/bash
# Runs the fuzz targets, each for $1 seconds from its seeds and with the words of dict/NAME.dict: all, or the one named $2.
# What crashes is kept in build/fuzz.
set -u
cd "$(dirname "$0")/../.." || exit 1
status=0
for target in build/fuzz/*; do
    name=$(basename "$target")
    [ -x "$target" ] || continue
    [ -f "tests/fuzz/$name.c" ] || continue
    [ -z "${2:-}" ] || [ "$2" = "$name" ] || continue
    work=$(mktemp -d /tmp/postern-fuzz.XXXXXX)
    mkdir -p "tests/fuzz/corpus/$name"
    words=()
    [ ! -f "tests/fuzz/dict/$name.dict" ] || words=(-dict="tests/fuzz/dict/$name.dict")
    if "$target" -max_total_time="$1" -rss_limit_mb=2048 -timeout=120 -print_final_stats=1 \
        -artifact_prefix="build/fuzz/$name-" "${words[@]}" "$work" "tests/fuzz/corpus/$name" >"$work/log" 2>&1; then
        echo "ok $name: $(sed -n 's/stat::number_of_executed_units: *//p' "$work/log") runs"
    else
        echo "not ok $name"
        tail -n 40 "$work/log"
        status=1
    fi
    rm -rf "$work"
done
exit $status
