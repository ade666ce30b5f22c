#!/bin/bash
# Directories that earlier versions wrote (tests/data/directory-3 and -4, by their formats): nobody is deferred for one longer than
# it takes to rebuild it, nothing of it is lost, and what is damaged is not believed. TAP lines. BUILD: the folder with programs.
set -u
cd "$(dirname "$0")/../.." || exit 1
build=$(realpath "${BUILD:-build/asan}")
D=$(mktemp -d "${TMPDIR:-/tmp}/postern-old.XXXXXX")
policyd=
finish()
{
    [ -z "$policyd" ] || kill "$policyd" 2>/dev/null
    wait
    rm -rf "$D"
}
trap finish EXIT
trap 'exit 1' INT TERM
status=0
of=

is()
{
    # shellcheck disable=SC2254  # a pattern is what is wanted
    case $2 in $3) echo "ok $1$of" ;; *) echo "not ok $1$of"; printf '    got:      %s\n    expected: %s\n' "$2" "$3"; status=1 ;; esac
}
mirror() { "$build/postern-mirror" "$1" -d "$D/directory" "${@:2}" 2>&1; }
fresh() { rm -rf "$D/directory" && mkdir "$D/directory" && cp $old/current $old/*.mdb "$D/directory"; }
shown()
{
    mirror show
    for mailbox in anna@contoso.example bert info scanner@fabrikam.example; do mirror show "$mailbox"; done
}
# decides LOGIN SENDER: the policy server's answer.
decides()
{
    python3 - "$D/policyd.sock" "$1" "$2" <<'END'
import socket, sys
with socket.socket(socket.AF_UNIX) as s:
    s.settimeout(60)
    s.connect(sys.argv[1])
    s.sendall(f"request=smtpd_access_policy\nprotocol_state=RCPT\nprotocol_name=ESMTP\nclient_address=203.0.113.9\n"
              f"sasl_method=PLAIN\nsasl_username={sys.argv[2]}\nsender={sys.argv[3]}\n"
              f"recipient=x@fabrikam.example\ninstance=1.{sys.argv[3]}\n\n".encode())
    print(s.recv(4096).decode().strip())
END
}
# answers PATTERN LOGIN SENDER: waits until the policy server answers so; it looks at the directory once a second.
answers()
{
    local answer
    for _ in $(seq 300); do
        answer=$(decides "$2" "$3" 2>&1)
        # shellcheck disable=SC2254  # a pattern is what is wanted
        case $answer in $1) break ;; esac
        sleep 0.1
    done
    echo "$answer"
}
cat >"$D/postern.conf" <<END
directory = "$D/directory"; journal = "$D/journal"; spool = "$D/spool"; state = { file = "$D/state"; entries = 1024; };
log = { to = "stderr"; }; preset = "none"; tls = { required = false; };
policyd = { listen = "unix:$D/policyd.sock"; workers = 1; }; milter = { listen = ""; };
END

for format in 3 4; do
    old=tests/data/directory-$format
    was=$((format - 1)) # the generation that was written in that format
    next=$((was + 1))
    of=", format $format"
    fresh
    is 'a reader says what to run' "$(mirror show)" "*format $format*\"postern-mirror rebuild\"*"
    is 'so does verify' "$(mirror verify; echo "$?")" '*"postern-mirror rebuild"*1'
    is 'it is rebuilt as the next generation' "$(mirror rebuild; echo "$?")" "*generation $next?0"
    is 'all that it held is there, with its times and sources' "$(shown | sed "s/^generation $next\$/generation $was/" | diff - $old/shown.txt && echo same)" same
    is 'it verifies, rights and domains among it' "$(mirror verify)" "*generation $next is whole: 2 tenants, 4 mailboxes, 13 identities, 5 domains, 1 rights, *"
    cp -r "$D/directory" "$D/harmed"
    printf '\377' | dd of="$D/harmed/directory-000000000$next.mdb" bs=1 seek=20000 conv=notrunc 2>/dev/null
    is 'one wrong byte, and it does not verify' "$("$build/postern-mirror" verify -d "$D/harmed" 2>&1; echo "$?")" '*it is damaged*1'
    is 'a second time there is nothing to do' "$(mirror rebuild; echo "$?")" 0
    is 'and nothing was written' "$(grep -c "^generation $next\$" "$D/directory/current")" 1

    # ---- the services beside it ----
    fresh
    "$build/postern-policyd" -c "$D/postern.conf" >"$D/policyd.log" 2>&1 &
    policyd=$!
    is 'with an old directory a login waits' "$(answers '*451*' anna@contoso.example anna@contoso.example)" 'action=451*'
    is 'and the log says what to run' "$(cat "$D/policyd.log")" "*format $format*postern-mirror rebuild*"
    mirror rebuild >/dev/null
    is 'rebuilt, it is served without a restart' "$(answers '*DUNNO*' anna@contoso.example anna@contoso.example)" action=DUNNO
    is 'what was forbidden is forbidden' "$(decides bert@contoso.example bert@contoso.example)" 'action=550*'
    is 'the right to send as another mailbox holds' "$(decides anna@contoso.example info@contoso.example)" action=DUNNO
    is 'and nobody else has it' "$(decides scanner@fabrikam.example info@contoso.example)" 'action=5*'
    kill $policyd
    wait $policyd
    policyd=

    fresh
    printf 'scanner@fabrikam.example\nprinter@fabrikam.example\n' >"$D/list.txt"
    is 'a run of the mirror rebuilds it by itself' "$(mirror import --tenant fabrikam "$D/list.txt")" "*1 added*generation $((next + 1))*"
    is 'and the other tenant is as it was' "$(mirror show anna@contoso.example)" '*Anna Berg*'

    for harm in bit cut manifest; do
        fresh
        case $harm in
        bit) printf '\377' | dd of="$D/directory/directory-000000000$was.mdb" bs=1 seek=20000 conv=notrunc 2>/dev/null ;;
        cut) truncate -s 20480 "$D/directory/directory-000000000$was.mdb" ;;
        manifest) sed -i 's/1796/1797/' "$D/directory/current" ;;
        esac
        before=$(cat "$D/directory/current")
        is "damaged ($harm), it is not believed" "$(mirror rebuild; echo "$?")" '*cannot be rebuilt; to start over*1'
        is "damaged ($harm), it stays as it is" "$(cat "$D/directory/current")" "$before"
        is "damaged ($harm), a run says so too" "$(mirror import --tenant fabrikam "$D/list.txt"; echo "$?")" '*cannot be rebuilt*1'
done
rm -rf "$D/harmed"
done
of=
rm -rf "$D/directory"
is 'without a directory there is nothing to do' "$(mirror rebuild; echo "$?")" 0
exit $status
