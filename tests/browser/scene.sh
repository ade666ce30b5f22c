# shellcheck shell=bash
# A scene to look at, without Postfix: three tenants' mailboxes, a day of submissions, an attack, blocks by hand and by limit, the
# nastiest logins, and postern-web before it all. Sourced; needs scripts/relay.sh.
#
#   scene_make DIRECTORY-OF-PROGRAMS [SETTINGS]   makes $T, with policyd and postern-web
#   scene_play                                    lets all of that happen
#   scene_end

scene_make()
{
    BIN=$1
    T=$(mktemp -d "${TMPDIR:-/tmp}/postern-browser.XXXXXX")
    relay_pids=
    mkdir "$T/run" "$T/lib"
    cat >"$T/postern.conf" <<END
directory = "$T/lib/directory"; state = { file = "$T/lib/state"; entries = 65536; }; journal = "$T/lib/journal";
spool = "$T/lib/spool"; log = { to = "stderr"; }; tls = { required = false; }; preset = "none";
tenants = ( { name = "contoso"; domains = ["contoso.example"]; },
            { name = "fabrikam"; domains = ["fabrikam.example"]; mode = "monitor"; } );
connectors = ( { name = "printers"; networks = ["192.0.2.0/24"]; } );
limits = ( { name = "message-rate"; per = "user"; count = "messages"; rate = "30/h"; burst = 20; },
           { name = "recipient-rate"; per = "user"; count = "recipients"; rate = "500/d"; burst = 100; then = "block 1h"; },
           { name = "client-rate"; per = "client"; count = "messages"; rate = "2000/h"; burst = 2000; then = "monitor"; } );
policyd = { listen = "unix:$T/run/policyd.sock"; }; milter = { listen = ""; };
smtp_auth = { allow_file = "allow"; deny_file = "deny"; };
web = { listen = { address = "unix:$T/run/web.sock"; mode = "0600"; }; action_log = "$T/actions.log";
        actions = ["block", "unblock", "hold", "release", "allow", "deny", "forget", "discard", "reload"]; };
${2:-}
END
    echo 'erp@contoso.example # until it has a token' >"$T/allow"
    echo 'dora@fabrikam.example # has left' >"$T/deny"
    scene_import && scene_accounts || return 1
    scene_start policyd && scene_start web
}

# One of each role, and one who sees only fabrikam, with the same password.
scene_accounts()
{
    local who
    for who in 'admin --role admin' 'operator --role operator' 'reader --role reader' 'viewer --role viewer' \
        'bound --role reader --tenants fabrikam'; do
        # shellcheck disable=SC2086 # words
        echo 'correct horse battery' | "$BIN/postern" -c "$T/postern.conf" web-user add $who >>"$T/accounts.log" 2>&1 || { cat "$T/accounts.log" >&2; return 1; }
    done
}

scene_start()
{
    relay_run "$1" "$BIN/postern-$1" -c "$T/postern.conf"
    relay_wait relay_listens_at "$T/run/$1.sock" || { cat "$T/$1.log" >&2; return 1; }
}

scene_import()
{
    local tenant n=0 name
    for tenant in contoso fabrikam; do
        {
            echo '"Guid","PrimarySmtpAddress","DisplayName","SmtpClientAuthenticationDisabled"'
            for name in "anna Anna Berg False" "bert Bert Klein True" "cleo Cleo Winter False" "scanner Scanner 2nd floor False" \
                "erp ERP invoices False" "dora Dora Sommer " "emil Emil Wolf True"; do
                n=$((n + 1))
                printf '"0a7d6d2c-0001-4b7e-9d55-%012d","%s@%s.example","%s","%s"\n' $n "${name%% *}" $tenant \
                    "$(echo "$name" | sed 's/^[^ ]* //; s/ *\(True\|False\)\{0,1\}$//')" "$(echo "$name" | grep -o 'True$\|False$')"
            done
        } >"$T/cas.csv"
        echo '{ "JournalingReportNdrTo": "<>", "MaxRecipientEnvelopeLimit": "500", "SmtpClientAuthenticationDisabled": true }' >"$T/transport.json"
        "$BIN/postern-mirror" import -c "$T/postern.conf" --tenant $tenant "$T/cas.csv" "$T/transport.json" >>"$T/mirror.log" 2>&1 || { cat "$T/mirror.log" >&2; return 1; }
    done
}

scene_play()
{
    python3 tests/browser/submissions.py "$T/run/policyd.sock" tests/data/hostile_logins || return 1
    python3 tests/browser/actions.py tests/data/hostile_logins >"$T/actions.log" || return 1
    "$BIN/postern" -c "$T/postern.conf" block cleo@contoso.example --for 2h --reason 'password in a leak <b onclick=x>' >/dev/null
    "$BIN/postern" -c "$T/postern.conf" block bert@fabrikam.example --for 1h --reason 'travels' >/dev/null
    "$BIN/postern" -c "$T/postern.conf" unblock bert@fabrikam.example --reason 'it was the owner <i onclick=x>' >/dev/null
    scene_check
}

# Findings that were accepted, for now and until yesterday, and a check of Postfix, where there is one to ask.
scene_check()
{
    local tomorrow yesterday
    tomorrow=$(date -u -d tomorrow +%F) yesterday=$(date -u -d yesterday +%F)
    {
        echo "audit | no-alerts |  | $tomorrow | anna, 2026-11-02 | a pager comes next week <i>"
        echo "audit | monitor |  | $yesterday | bert, 2026-09-01 | until fabrikam has seen a month of it"
    } >"$T/accepted-findings"
    command -v postconf >/dev/null || return 0
    mkdir "$T/postfix" && cp conf/postfix/main.cf conf/postfix/master.cf "$T/postfix"
    "$BIN/postern" -c "$T/postern.conf" check-postfix --config-dir "$T/postfix" --keep >>"$T/check.log" 2>&1
}

scene_end()
{
    local pid
    for pid in $relay_pids; do kill "$pid" 2>/dev/null; done
    wait
    rm -rf "$T"
}
