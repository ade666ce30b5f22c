#!/bin/bash
# The check of includes (tests/rooms.sh) finds what it is there for. TAP lines on stdout.
set -u
cd "$(dirname "$0")/../.." || exit 1
T=$(mktemp -d /tmp/postern-rooms.XXXXXX)
trap 'rm -rf "$T"' EXIT
status=0

# finds NAME PATTERN: the check says exactly one line, which matches; an empty pattern: nothing.
finds()
{
    local said
    said=$(tests/rooms.sh "$T" "$T/rooms.txt")
    if [ "$said" = "" ] && [ "$2" = "" ] || { [ "$2" != "" ] && [[ $said =~ $2 ]] && [ "$(wc -l <<<"$said")" -eq 1 ]; }; then
        echo "ok $1"
    else
        echo "not ok $1"
        printf '%s\n' "$said" | sed 's/^/# /'
        status=1
    fi
}

mkdir -p "$T"/core/{base,mail,decide} "$T/policyd" "$T/milter"
printf '# a comment\ncore/mail core/base\npolicyd core/decide\n' >"$T/rooms.txt"
echo '#include "core/base/slice.h"' >"$T/core/mail/address.c"
echo '#include "core/decide/decide.h"' >"$T/policyd/server.c"
finds 'what the table allows is no finding' ''

echo '#include "core/decide/decide.h"' >"$T/core/mail/list.h"
finds 'a room that includes a later one is found, with file and line' '^core/mail/list\.h:1: .*"core/mail core/decide"$'
rm "$T/core/mail/list.h"

printf '#include <stdio.h>\n#include "milter/session.h"\n' >"$T/policyd/worker.h"
finds 'a program that includes another is found' '^policyd/worker\.h:2: .*"policyd milter"$'
rm "$T/policyd/worker.h"

echo '#include "slice.h"' >"$T/core/base/buf.h"
finds 'a header without its folder is found' '^core/base/buf\.h:1: '
rm "$T/core/base/buf.h"

echo 'core/decide core/base' >>"$T/rooms.txt"
finds 'a row that nobody needs is found' 'nobody needs the row "core/decide core/base"$'

# The order of the rooms holds in the table itself.
awk '$1 ~ /^core\// { if (!($1 in n)) n[$1] = ++rooms; if (!($2 in n) && $2 != "core/base") print }
     $1 !~ /^[#c]|^mirror\// && $2 !~ /^core\// && index($2, $1 "/") != 1 { print }' tests/rooms.txt >"$T/wrong"
[ ! -s "$T/wrong" ] && echo 'ok no row leads to a later room, or to another program' || {
    echo 'not ok no row leads to a later room, or to another program'
    sed 's/^/# /' "$T/wrong"
    status=1
}
exit $status
