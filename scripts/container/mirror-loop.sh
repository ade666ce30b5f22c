#!/bin/sh
# What postern-mirror.timer does elsewhere: the settings from Exchange Online every half hour, from the end of one run to the
# beginning of the next. A run that fails has said why; what an earlier one brought stays in use.
postern-mirror rebuild "$@" || :
trap 'kill "$child" 2>/dev/null; wait; exit 0' TERM INT
while :; do
    postern-mirror sync "$@" &
    child=$!
    wait "$child" || :
    sleep 1800 &
    child=$!
    wait "$child" || :
done
