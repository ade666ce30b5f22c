#!/bin/bash
# What the command line prints to a terminal: within its width, in colour, with local time and its zone. TAP lines.
set -u
cd "$(dirname "$0")/../.." || exit 1
. scripts/relay.sh
BIN=${BUILD:-build/asan}
D=$(mktemp -d /tmp/postern-terminal.XXXXXX)
trap 'rm -rf "$D"' EXIT
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

cat >"$D/postern.conf" <<END
directory = "$D/directory"; state = { file = "$D/state"; entries = 1024; }; journal = "";
policyd = { listen = "unix:$D/policyd.sock"; }; milter = { listen = (); };
END
long=a-mailbox-with-quite-a-long-name-that-nobody-abbreviates
printf '%s\n' '"Guid","PrimarySmtpAddress","DisplayName","OWAEnabled","SmtpClientAuthenticationDisabled"' \
    "\"0a7d6d2c-0001-4b7e-9d55-000000000001\",\"$long@contoso.example\",\"One Name That Is Long, Too Long For A Row\",\"True\",\"False\"" \
    '"0a7d6d2c-0001-4b7e-9d55-000000000002","bert@contoso.example","Bert","True","False"' >"$D/cas.csv"
"$BIN/postern-mirror" import -d "$D/directory" --tenant contoso "$D/cas.csv" >"$D/import.log" 2>&1 || cat "$D/import.log"
"$BIN/postern-policyd" -c "$D/postern.conf" >"$D/policyd.log" 2>&1 &
policyd=$!
trap 'kill "$policyd"; wait "$policyd" 2>/dev/null; rm -rf "$D"' EXIT
relay_wait relay_listens_at "$D/policyd.sock"

# on COLUMNS COMMAND...: the command's output on a terminal of that width.
on()
(
    columns=$1
    shift
    set -o pipefail
    printf '%q ' "$BIN/postern" -c "$D/postern.conf" "$@" >"$D/command"
    TERM=xterm script -qefc "stty cols $columns; exec bash $D/command" /dev/null </dev/null 2>&1 | tr -d '\r'
)
plain() { sed 's/\x1b\[[0-9;]*m//g'; }
too_wide() { plain | awk -v most="$1" 'length > most' | grep -cv postern-terminal; }

export PAGER=cat
is 'a table fits the terminal' "$(on 80 report enabled | too_wide 80)" 0
is 'with all that it says' "$(on 80 report enabled | plain | tr -d ' \n')" '*a-mailbox-*nobody-abbreviates@contoso.example*bert@contoso.*example'
is 'a wider terminal has it in one line' "$(on 300 report enabled | plain | grep -c "^contoso *$long@contoso.example *One Name That Is Long, Too Long For A Row *")" 1
is 'and no terminal as it is' "$("$BIN/postern" -c "$D/postern.conf" report enabled 2>/dev/null | grep -c "^contoso *$long@contoso.example")" 1
is 'explain fits' "$(on 80 explain --user bert@contoso.example --client 192.0.2.1 --recipient x@adatum.example | too_wide 80)" 0
is 'audit fits' "$(on 80 audit | too_wide 80)" 0
is 'status has colours on a terminal' "$(on 80 status | grep -c $'\e\\[')" '[1-9]*'
is 'not where they are not wanted' "$(NO_COLOR=1 on 80 status | grep -c $'\e\\[')" 0
is 'nor in a file' "$("$BIN/postern" -c "$D/postern.conf" status 2>/dev/null | grep -c $'\e')" 0
cat >"$D/pager" <<'END'
#!/bin/sh
echo "the pager has"
exec cat
END
chmod +x "$D/pager"
is 'what may be long goes through a pager' "$(PAGER=$D/pager on 80 status)" '*the pager has*Services:*'
is 'but not without a terminal' "$(PAGER=$D/pager "$BIN/postern" -c "$D/postern.conf" status 2>/dev/null | grep -c pager)" 0
is 'nor what is short' "$(PAGER=$D/pager on 80 block bert@contoso.example | grep -c pager)" 0
is 'one that is not there is no loss' "$(PAGER=$D/none on 80 status | plain)" '*Services:*'
is 'the exit status is the command'"'"'s' "$(PAGER=$D/pager on 80 explain >/dev/null; echo $?) $(PAGER=$D/pager on 80 report enabled >/dev/null; echo $?)" '2 0'
is 'times are local, with their zone' "$(TZ=XYZ-3 "$BIN/postern" -c "$D/postern.conf" blocks | grep -c '^  since      20[0-9-]* [0-9:]* +0300, until it is unblocked')" 1
is 'and can be given back so' "$("$BIN/postern" -c "$D/postern.conf" explain --user bert@contoso.example --at '2030-01-01 03:00:00 +0300' 2>&1)" '*more than 400 days away*'
exit $status
