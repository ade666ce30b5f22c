#!/bin/bash
# "postern log --settings": each change of a setting once, also where a run of the mirror was killed while it published.
set -u
cd "$(dirname "$0")/../.." || exit 1
BUILD=${BUILD:-build/asan}
T=$(mktemp -d /tmp/postern-settings.XXXXXX)
trap 'rm -rf "$T"' EXIT
status=0
is()
{
    # shellcheck disable=SC2254 # a pattern is what is wanted
    case $2 in
    $3) echo "ok $1" ;;
    *)
        echo "not ok $1"
        echo "    got \"$2\", expected \"$3\""
        status=1
        ;;
    esac
}

chmod 755 "$T"
cat >"$T/postern.conf" <<END
directory = "$T/directory";
state = { file = "$T/state"; entries = 1024; };
journal = "$T/journal";
log = { to = "stderr"; };
END
p() { "$BUILD/postern" -c "$T/postern.conf" "$@"; }
import() { "$BUILD/postern-mirror" import -c "$T/postern.conf" --tenant contoso --force "$@" >"$T/said" 2>&1; }
# cas ANNA BERT: their settings, where "" is to inherit.
cas()
{
    printf '%s\n' '"Guid","PrimarySmtpAddress","OWAEnabled","SmtpClientAuthenticationDisabled"' \
        "\"0a7d6d2c-0001-4b7e-9d55-000000000001\",\"${3:-anna}@contoso.example\",\"True\",\"$1\"" \
        "\"0a7d6d2c-0001-4b7e-9d55-000000000002\",\"bert@contoso.example\",\"True\",\"$2\"" >"$T/cas.csv"
}
transport() { echo "{ \"MaxRecipientEnvelopeLimit\": \"500\", \"SmtpClientAuthenticationDisabled\": $1 }" >"$T/transport.json"; }
changes() { p log --settings --json "$@" | jq -r 'map(.mailbox // "-" | sub("@.*"; "")) as $who | [range(length) as $i | $who[$i] + " " + .[$i].before + ">" + .[$i].after] | join(", ")'; }

p log --settings >"$T/said" 2>&1
is 'before the first run there is nothing, and that is said' "$(cat "$T/said")" '*no history yet; postern-mirror makes it*'
cas '' False
transport true
import "$T/cas.csv" "$T/transport.json" || cat "$T/said"
is 'a new tenant begins with its organization' "$(changes)" '- unknown>disabled'
cas False ''
import "$T/cas.csv" || cat "$T/said"
is 'each mailbox that changed has a row' "$(changes)" '- unknown>disabled, anna inherit>enabled, bert enabled>inherit'
is 'with its source, its time, and nobody who did it' \
    "$(p log --settings --json | jq -r '.[1] | [.how, .source, .setting, .by, .tenant, (.seen | test("^20.*Z$"))] | map(tostring) | join("|")')" \
    'import|cas.csv (Get-CASMailbox)|smtp-auth|null|contoso|true'
is 'people are told that this cannot be known' "$({ p log --settings 2>&3 | tr -s '\n ' ' ' >"$T/rows"; } 3>"$T/note"; cat "$T/note" "$T/rows" | tr -s '\n ' ' ')" '*Search-UnifiedAuditLog*anna@contoso.example*(not known)*'
is 'one mailbox' "$(changes --user bert@contoso.example)" 'bert enabled>inherit'
is 'or the organization' "$(changes --user contoso)" '- unknown>disabled'
cas False '' anneke
import "$T/cas.csv" || cat "$T/said"
cas True '' anneke
import "$T/cas.csv" || cat "$T/said"
is 'a mailbox that has another address now is the same one' "$(changes --user anneke@contoso.example)" \
    'anna inherit>enabled, anneke enabled>disabled'
is 'the last ones' "$(changes --lines 1)" 'anneke enabled>disabled'
is 'since then' "$(changes --since 1h | tr ',' '\n' | wc -l)" 4
is 'none since tomorrow' "$(p log --settings --json --since "$(date -d tomorrow '+%F %H:%M')")" '[[]]'
is 'a name that nobody has is said to be none' "$(p log --settings --user bort@contoso.example 2>&1)" '*nobody has the name "bort@contoso.example"; did you mean bert@contoso.example*'
is 'as CSV' "$(p log --settings --csv | head -n 1)" 'seen,tenant,mailbox,setting,before,after,how,source,by*'
p log --settings --reason limit >"$T/said" 2>&1
is 'what selects decisions does not go with it' "$?$(cat "$T/said")" '2*--settings*'

# Killed at each of these calls, the run left either nothing or everything; the next one does not tell it again.
calls=rename,renameat,renameat2,unlinkat,fsync
if command -v strace >/dev/null && strace -o /dev/null true 2>/dev/null; then
    toggle=False without=0 with=0
    for n in 1 2 3 4 5 6 7; do
        before=$(changes | tr ',' '\n' | wc -l)
        cas "$toggle" '' anneke
        # The sanitizer for leaks cannot work under strace.
        {
            ASAN_OPTIONS=detect_leaks=0 strace -f -o "$T/trace" -e "trace=$calls" -e "inject=$calls:signal=KILL:when=$n" \
                "$BUILD/postern-mirror" import -c "$T/postern.conf" --tenant contoso --force "$T/cas.csv" >"$T/said" 2>&1
            killed=$?
        } 2>/dev/null
        wanted=enabled
        [ $toggle = False ] || wanted=disabled
        shown=$("$BUILD/postern-mirror" show -c "$T/postern.conf" anneke@contoso.example 2>/dev/null | grep -ci "smtp auth.*$wanted")
        is "killed at call $n (status $killed): what is told is what is published" "$(($(changes | tr ',' '\n' | wc -l) - before))" "$((shown > 0))"
        if [ $killed -ne 0 ]; then [ "$shown" -gt 0 ] && with=$((with + 1)) || without=$((without + 1)); fi
        import "$T/cas.csv" || cat "$T/said"
        is "and after the next run it is told once ($n)" "$(($(changes | tr ',' '\n' | wc -l) - before))" 1
        [ $toggle = False ] && toggle=True || toggle=False
    done
    is 'runs were killed before they published, and behind' "$without $with" '[1-9]* [1-9]*'
fi
exit $status
