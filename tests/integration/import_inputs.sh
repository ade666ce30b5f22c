#!/bin/bash
# Files as real tools write them, and what postern-mirror makes of them: the rows of tests/data/import/inputs.tsv. Of each: the exit
# status, what is said, and what the directory holds afterwards. TAP lines.
#
#   tests/integration/import_inputs.sh [PATTERN]     only the rows whose name matches
#
# A row has the columns, with tabs between them:
#   name     what is promised
#   before   what the directory held: "base" (tenant contoso: anna enabled, bert disabled, cara inherit; closed organization),
#            "open" (the same, open organization), "none" (no directory)
#   run      the arguments of "postern-mirror", files by their names in tests/data/import/inputs; --directory and, with import,
#            --tenant contoso are added; several runs are separated by " ; "
#   exit     the status of the last run
#   said     what its output has to contain, separated by " && "; "!" in front: what it must not contain
#   holds    "MAILBOX=SETTING" or "organization=SETTING" or "absent=MAILBOX", separated by blanks; "unchanged"
set -u
cd "$(dirname "$0")/../.." || exit 1
MIRROR=$PWD/${BUILD:-build/asan}/postern-mirror
inputs=$PWD/tests/data/import/inputs
T=$(mktemp -d /tmp/postern-inputs.XXXXXX)
trap 'rm -rf "$T"' EXIT
export TZ=UTC
status=0
cd "$inputs" || exit 1

make_base()
{
    "$MIRROR" import --directory "$T/$1" --tenant contoso "$2" base-domains.json base-cas.csv >"$T/out" 2>&1 || {
        echo "not ok the base of all rows is made"
        sed 's/^/    /' "$T/out"
        exit 1
    }
}

# The setting of a mailbox, or of the organization, in folder $T/now.
setting()
{
    if [ "$1" = organization ]; then
        "$MIRROR" show --directory "$T/now" --tenant contoso 2>/dev/null | sed -n 's/^  organization SMTP AUTH *//p'
    else
        "$MIRROR" show --directory "$T/now" --tenant contoso "$1" 2>/dev/null | sed -n 's/^  SMTP AUTH *\([a-z]*\).*/\1/p'
    fi
}

# Every fact, but for what any run changes.
facts()
{
    "$MIRROR" show --directory "$1" 2>/dev/null | grep -v '^generation' | sed 's/[0-9:-]* [0-9:]* UTC, from .*//'
    for who in anna bert cara; do "$MIRROR" show --directory "$1" "$who@contoso.example" 2>/dev/null | grep -v '^generation'; done
}

run_all()
{
    local one first
    while [ -n "$1" ]; do
        one=${1%% ; *}
        case $1 in *" ; "*) set -- "${1#* ; }" ;; *) set -- "" ;; esac
        first=${one%% *}
        # shellcheck disable=SC2086 # words of a table
        case $first in
        import) "$MIRROR" import --directory "$T/now" --tenant contoso ${one#import} ;;
        *) "$MIRROR" $first --directory "$T/now" ${one#"$first"} ;;
        esac >"$T/out" 2>&1 </dev/null
        code=$?
    done
}

check_said()
{
    local rest=$1 one
    while [ -n "$rest" ] && [ "$rest" != - ]; do
        one=${rest%% && *}
        case $rest in *" && "*) rest=${rest#* && } ;; *) rest= ;; esac
        case $one in
        !*) ! grep -qF -- "${one#!}" "$T/out" || wrong="$wrong; says \"${one#!}\"" ;;
        *) grep -qF -- "$one" "$T/out" || wrong="$wrong; does not say \"$one\"" ;;
        esac
    done
}

check_holds()
{
    local one got
    for one in $1; do
        case $one in
        -) ;;
        unchanged) [ "$(facts "$T/now")" = "$(facts "$T/before")" ] || wrong="$wrong; the directory has changed" ;;
        absent=*)
            got=$(setting "${one#absent=}")
            [ -z "$got" ] || wrong="$wrong; ${one#absent=} is there ($got)"
            ;;
        *)
            got=$(setting "${one%%=*}")
            [ "$got" = "${one#*=}" ] || wrong="$wrong; ${one%%=*} is \"$got\", expected ${one#*=}"
            ;;
        esac
    done
}

make_base base base-transport.json
make_base open base-transport-open.json
mkdir "$T/none"
while IFS=$'\t' read -r name before run expected said holds; do
    case $name in '' | '#'*) continue ;; esac
    [[ $name =~ ${1:-.} ]] || continue
    rm -rf "$T/now" "$T/before"
    cp -a "$T/$before" "$T/now"
    cp -a "$T/$before" "$T/before"
    wrong=
    run_all "$run"
    [ "$code" = "$expected" ] || wrong="; exit status $code, expected $expected"
    check_said "$said"
    check_holds "$holds"
    if [ -z "$wrong" ]; then
        echo "ok $name"
    else
        echo "not ok $name"
        echo "    ${wrong#; }"
        sed 's/^/    | /' "$T/out"
        status=1
    fi
done <../inputs.tsv
exit $status
