#!/bin/bash
# postern-milter under Sendmail, in a clean Debian 12 below a temporary folder: logins, connectors, From, limits, and a milter that is
# away. TAP lines. Needs root, a Debian mirror and some minutes: "make check-sendmail".
#
#   DEBIAN_MIRROR=URL     in the place of the mirror that this machine's apt uses
# shellcheck disable=SC2016 # $ and ` are for m4
set -u
cd "$(dirname "$0")/../.." || exit 1
. scripts/relay.sh
. tests/e2e/lib.sh
trap 'stop; relay_stop' EXIT
mirror=${DEBIAN_MIRROR:-$(apt-get indextargets --format '$(SITE)' 'Codename: bookworm' | head -n 1)}
base=build/clean-bookworm.tar
anna=anna@contoso.example
T='' init=''

# Ends what runs in the clean system: its first process takes all others with it. (unshare lets SIGTERM pass by.)
stop()
{
    [ -n "$init" ] || return 0
    kill -9 "$init"
    wait "$init" 2>/dev/null
    init=
}

make_root()
{
    if [ ! -e $base ]; then
        mkdir -p build
        mmdebstrap --variant=minbase --include=ca-certificates bookworm "$T/base.tar" "$mirror" || return 1
        mv "$T/base.tar" $base
    fi
    mkdir "$T/root" && tar -xf $base -C "$T/root" || return 1
    cp /etc/resolv.conf "$T/root/etc/resolv.conf"
    printf '#!/bin/sh\nexit 101\n' >"$T/root/usr/sbin/policy-rc.d"
    chmod 755 "$T/root/usr/sbin/policy-rc.d"
    inside apt-get update && inside apt-get install -y --no-install-recommends sendmail sendmail-bin sasl2-bin libsasl2-modules \
        libsasl2-modules-db libmilter1.0.1 libconfig9 liblmdb0 libxxhash0 libidn2-0 libunistring2 libjansson4 libevent-2.1-7
}

# Runs a command in the clean system, with this machine's loopback.
inside()
{
    unshare --mount --pid --fork --kill-child --mount-proc --root="$T/root" --wd=/ \
        env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive "$@" </dev/null
}

# Sendmail as a relay with logins at $SMTP, and the mailboxes' passwords.
configure()
{
    local user
    mkdir "$T/root/etc/relay" && mkdir -m 700 "$T/root/var/spool/relay"
    cat >"$T/root/etc/relay/postern.mc" <<END
include(\`/usr/share/sendmail/cf/m4/cf.m4')
OSTYPE(\`debian')dnl
define(\`confDOMAIN_NAME', \`relay.contoso.example')dnl
define(\`confDONT_PROBE_INTERFACES', \`True')dnl
define(\`confSERVICE_SWITCH_FILE', \`/etc/relay/nodns')dnl
define(\`QUEUE_DIR', \`/var/spool/relay')dnl
define(\`confTO_IDENT', \`0')dnl
define(\`confAUTH_OPTIONS', \`A')dnl
define(\`confAUTH_MECHANISMS', \`PLAIN LOGIN')dnl
define(\`confSERVER_CERT', \`/etc/relay/cert.pem')dnl
define(\`confSERVER_KEY', \`/etc/relay/key.pem')dnl
define(\`confCACERT', \`/etc/relay/cert.pem')dnl
define(\`confCACERT_PATH', \`/etc/mail')dnl
TRUST_AUTH_MECH(\`PLAIN LOGIN')dnl
FEATURE(\`no_default_msa')dnl
FEATURE(\`nocanonify')dnl
FEATURE(\`accept_unresolvable_domains')dnl
FEATURE(\`access_db', \`hash /etc/relay/access.postern')dnl
define(\`SMART_HOST', \`relay:[127.0.0.1]')dnl
define(\`RELAY_MAILER_ARGS', \`TCP \$h $SINK')dnl
DAEMON_OPTIONS(\`Name=MTA, Port=$SMTP, Addr=127.0.0.1')dnl
INPUT_MAIL_FILTER(\`postern', \`S=unix:/run/postern/milter.sock, F=T, T=C:10s;S:30s;R:30s;E:1m')dnl
MAILER(\`local')dnl
MAILER(\`smtp')dnl
END
    echo 'hosts files' >"$T/root/etc/relay/nodns"
    echo 'Connect:127.20 RELAY' >"$T/root/etc/relay/access.postern.txt"
    mkdir -p "$T/root/var/lib/sendmail/host_status"
    cp "$T/cert.pem" "$T/key.pem" "$T/root/etc/relay/"
    chmod 600 "$T/root/etc/relay/key.pem"
    mkdir -p "$T/root/usr/lib/sasl2" "$T/root/etc/mail/sasl"
    printf 'pwcheck_method: auxprop\nauxprop_plugin: sasldb\nmech_list: PLAIN LOGIN\n' |
        tee "$T/root/usr/lib/sasl2/Sendmail.conf" >"$T/root/etc/mail/sasl/Sendmail.conf.2"
    inside m4 -D_CF_DIR_=/usr/share/sendmail/cf/ /etc/relay/postern.mc >"$T/root/etc/relay/postern.cf" &&
        inside sh -c 'makemap hash /etc/relay/access.postern </etc/relay/access.postern.txt' || return 1
    for user in anna bert 'anna+printer'; do
        echo secret | unshare --mount --root="$T/root" --wd=/ saslpasswd2 -p -c -u contoso.example "$user" || return 1
    done
    chown root:smmsp "$T/root/etc/sasldb2" 2>/dev/null
    chmod 640 "$T/root/etc/sasldb2"
}

# postern's own part, in the same clean system.
configure_postern()
{
    mkdir -p "$T/root/run/postern" "$T/root/var/lib/postern" "$T/root/usr/local/sbin" "$T/root/etc/postern"
    cp "$BIN/postern-milter" "$BIN/postern-mirror" "$T/root/usr/local/sbin/"
    cat >"$T/root/etc/postern/postern.conf" <<'END'
directory = "/var/lib/postern/directory";
state = { file = "/var/lib/postern/state"; entries = 1024; };
journal = "";
log = { to = "stderr"; };
tls = { required = false; };
preset = "none";
limits = ( { name = "few"; per = "user"; count = "messages"; rate = "3/d"; burst = 3; then = "defer"; } );
connectors = ( { name = "printers"; networks = ["127.20.0.0/16"]; recipients = "internal"; } );
milter = { listen = "unix:/run/postern/milter.sock"; };
END
    printf '%s\n' '"Guid","PrimarySmtpAddress","SmtpClientAuthenticationDisabled"' \
        '"0a7d6d2c-0001-4b7e-9d55-000000000001","anna@contoso.example","False"' \
        '"0a7d6d2c-0001-4b7e-9d55-000000000002","bert@contoso.example","True"' \
        '"0a7d6d2c-0001-4b7e-9d55-000000000003","anna+printer@contoso.example","False"' >"$T/lib/cas.csv"
    echo '[ { "DomainName": "contoso.example", "DomainType": "Authoritative", "MatchSubDomains": false, "Default": true } ]' \
        >"$T/lib/accepteddomain.json"
    "$BIN/postern-mirror" import -d "$T/root/var/lib/postern/directory" --tenant contoso "$T/lib/cas.csv" \
        "$T/lib/accepteddomain.json" >"$T/mirror.log" 2>&1
}

# What runs there: the milter, which is killed when /run/away is there, and Sendmail. The shell stays the first process, with which
# all others end: sendmail itself, which is setgid, would outlive unshare.
start()
{
    cat >"$T/root/usr/local/sbin/both" <<'END'
#!/bin/sh
/usr/local/sbin/postern-milter -c /etc/postern/postern.conf >>/var/log/milter.log 2>&1 &
milter=$!
while ! [ -S /run/postern/milter.sock ]; do sleep 0.1; done
sendmail -bD -q10s -C/etc/relay/postern.cf -X/var/log/session.log &
while ! [ -e /run/away ]; do sleep 0.1; done
kill -9 $milter
wait $milter
touch /run/gone
wait
END
    chmod 755 "$T/root/usr/local/sbin/both"
    (
        trap - EXIT
        exec unshare --mount --pid --fork --kill-child --mount-proc --root="$T/root" --wd=/ \
            env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin /usr/local/sbin/both
    ) >"$T/sendmail.log" 2>&1 </dev/null &
    init=$!
    relay_wait relay_listens "$SMTP"
}

client() { python3 tests/interop/client.py "$SMTP" "$@"; }
arrived() { [ "$(relay_arrived)" -ge "$1" ]; }

relay_make "${BUILD:-build/release}" || exit 1
if ! make_root >"$T/said" 2>&1; then
    tail -n 3 "$T/said" | sed 's/^/    /'
    echo "ok Sendmail in a clean system # SKIP none can be made from $mirror"
    exit 0
fi
configure >"$T/said" 2>&1 && configure_postern || { cat "$T/said" "$T/mirror.log"; exit 1; }
relay_start_sink
start || { cat "$T/sendmail.log" "$T/root/var/log/milter.log"; exit 1; }

is 'a login is let through' "$(client --tls --login "$anna" --from "$anna" guest@adatum.example)" '250*'
is 'its message is delivered' "$(relay_wait arrived 1 && relay_arrived)" 1
is 'the milter knows mechanism and TLS' \
    "$(relay_wait grep -q "login=$anna .*method=PLAIN tls=TLSv1" "$T/root/var/log/milter.log" && echo logged)" logged
is 'a login that Sendmail spells in xtext' \
    "$(client --tls --login anna+printer@contoso.example --from anna+printer@contoso.example guest@adatum.example)" '250*'
is 'a mailbox that may not send, in its own words' \
    "$(client --tls --login bert@contoso.example --from bert@contoso.example guest@adatum.example)" \
    '5?? 5.7.139 *is disabled for the*'
is 'an envelope sender of somebody else' "$(client --tls --login "$anna" --from bert@contoso.example guest@adatum.example)" '550 5.7.60*'
is 'a From of somebody else' \
    "$(client --tls --login "$anna" --from "$anna" --header-from bert@contoso.example guest@adatum.example)" '550 5.7.60*'
is 'a device of a connector, to a colleague' "$(client --source 127.20.0.5 --from scan@contoso.example "$anna")" '250*'
is 'and to a stranger' "$(client --source 127.20.0.5 --from scan@contoso.example guest@adatum.example)" '550 5.7.64*'
is 'nobody' "$(client --from scan@contoso.example guest@adatum.example)" '550 5.7.1*'
for _ in 1 2; do client --tls --login "$anna" --from "$anna" guest@adatum.example; done >"$T/replies"
is 'as many messages as the limit allows' "$(grep -c ^250 "$T/replies")" 2
is 'and no more' "$(client --tls --login "$anna" --from "$anna" guest@adatum.example)" '451 4.7.1*'
touch "$T/root/run/away"
relay_wait test -e "$T/root/run/gone"
is 'while the milter is away, nothing passes' "$(client --tls --login "$anna" --from "$anna" guest@adatum.example)" '4??*'
exit $status
