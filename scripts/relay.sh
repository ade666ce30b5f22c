# shellcheck shell=bash
# A throwaway relay on loopback, for the demonstration and the tests: a sink in the place of Exchange Online, Dovecot as SASL
# server, Postfix with the snippets of conf/, and postern behind it. Sourced by bash scripts; everything lives below $T
# and is stopped by its own pid.
#
#   relay_make [DIRECTORY-OF-PROGRAMS]   makes $T, finds free ports: $SMTP (login), $SMTP25 (none), $SINK
#   relay_import FILE...                 brings settings in with postern-mirror
#   relay_start policyd|milter|both      starts all; needs $T/postern.conf
#   relay_reload policyd|milter...       reads $T/postern.conf again
#   relay_stop                           stops all, removes $T, gives the ports back
#
# Several relays: relay_folders, relay_start_policyd and relay_start_postfix in a function with a T below $T, and ports, of its own.
#   relay_arrived                        number of messages that the sink got

relay_die()
{
    echo "relay: $*" >&2
    return 1
}

# A port on which nothing listens on 127.0.0.1. It is this process's until relay_give_back: another one that looks for a port
# before anything listens there draws another. Below those that the kernel gives to connections (ip_local_port_range).
relay_free_port()
{
    local port
    while :; do
        port=$((20000 + (RANDOM * 32768 + RANDOM) % 12000))
        ln -s "$$" "/tmp/postern-port.$port" 2>/dev/null || continue
        relay_listens "$port" 2>/dev/null || { echo "$port"; return; }
    done
}
relay_give_back() { find /tmp -maxdepth 1 -name 'postern-port.*' -lname "$$" -delete 2>/dev/null || :; }

# Until the command succeeds. Only what hangs meets the limit, however busy the machine is.
RELAY_WAIT_S=${RELAY_WAIT_S:-180}
relay_wait()
{
    local end=$((SECONDS + RELAY_WAIT_S))
    until "$@" >/dev/null 2>&1; do
        [ $SECONDS -lt $end ] || { relay_die "waited in vain: $*"; return 1; }
        sleep 0.1
    done
}

relay_listens() { (exec 3<>"/dev/tcp/127.0.0.1/$1"); }
# A socket's file alone may be left over from a program that was killed.
relay_listens_at() { awk -v path="$1" '$4 == "00010000" && $8 == path { found = 1 } END { exit !found }' /proc/net/unix; }

relay_make()
{
    [ "$(id -u)" -eq 0 ] || { relay_die "needs root, for Postfix and Dovecot drop privileges"; return 1; }
    BIN=${1:-build/release}
    T=$(mktemp -d "${TMPDIR:-/tmp}/postern-relay.XXXXXX")
    relay_folders
    mkdir -p "$T/sink" "$T/dovecot" "$T/keys"
    SMTP=$(relay_free_port) SMTP25=$(relay_free_port) SINK=$(relay_free_port)
    relay_pids=
    openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=relay.contoso.example \
        -keyout "$T/key.pem" -out "$T/cert.pem" 2>/dev/null
}

# Those of one relay.
relay_folders()
{
    mkdir -p "$T/queue/private" "$T/run" "$T/lib" "$T/postfix" "$T/data"
    chmod 755 "$T"
    chmod 700 "$T/lib"
    chgrp postfix "$T/run" && chmod 2750 "$T/run"
    chown postfix "$T/data" "$T/queue/private"
}

# Runs a program below $T until relay_stop; its output goes to $T/NAME.log. Sets $relay_pid.
relay_run()
{
    local name=$1
    shift
    "$@" >>"$T/$name.log" 2>&1 &
    relay_pid=$!
    echo "$relay_pid" >"$T/$name.pid"
    relay_pids="$relay_pids $relay_pid"
}

relay_import() { "$BIN/postern-mirror" import -d "$T/lib/directory" "$@"; }

# Each message becomes a file in $T/sink.
relay_start_sink()
{
    chown nobody "$T/sink"
    relay_run sink smtp-sink -u nobody -d "$T/sink/%M." "inet:127.0.0.1:$SINK" 64
    relay_wait relay_listens "$SINK"
}

# $T/users: name:{PLAIN}password. Tokens: HS256 with the key of relay_token.
relay_start_dovecot()
{
    mkdir -p "$T/keys/default/HS256"
    printf %s "$(printf 'made-up key for loopback' | base64)" >"$T/keys/default/HS256/default"
    local snippet=conf/dovecot/postern-2.4.conf
    case $(dovecot --version) in 2.[0-3].*) snippet=conf/dovecot/postern.conf ;; esac
    sed -e "s|/var/spool/postfix/|$T/queue/|; s|/etc/dovecot/users|$T/users|; s|SHA512-CRYPT|PLAIN|" \
        -e "s|^auth_mechanisms.*|auth_mechanisms = plain login xoauth2 oauthbearer|" "$snippet" >"$T/dovecot.conf"
    # The lines of the snippet for a list of who may not sign in, where a test has one.
    [ -z "${RELAY_DOVECOT_DENY:-}" ] || sed -i -e '/^#\(passdb\|service\)/,/^#}/s/^#//' \
        -e "s|/var/lib/postern-dovecot/deny|$RELAY_DOVECOT_DENY|" "$T/dovecot.conf"
    [ -z "${RELAY_MECHANISMS:-}" ] || sed -i "s|^auth_mechanisms.*|auth_mechanisms = $RELAY_MECHANISMS|" "$T/dovecot.conf"
    printf '%s' "${RELAY_DOVECOT:-}" >>"$T/dovecot.conf"
    cat >>"$T/dovecot.conf" <<END
base_dir = $T/dovecot
state_dir = $T/dovecot
log_path = $T/dovecot.log
END
    : >"$T/oauth2.conf.ext"
    case $snippet in
    *-2.4.conf) relay_tokens_2_4 ;;
    *) relay_tokens_2_3 ;;
    esac >>"$T/dovecot.conf"
    chmod -R a+rX "$T/keys" "$T/users" "$T/oauth2.conf.ext"
    dovecot -c "$T/dovecot.conf" >>"$T/dovecot.log" 2>&1 || { cat "$T/dovecot.log" >&2; return 1; }
    relay_wait test -S "$T/queue/private/auth"
}

# Tokens for Dovecot, as each version wants to hear of them.
relay_tokens_2_3()
{
    cat <<END
passdb {
  driver = oauth2
  mechanisms = xoauth2 oauthbearer
  args = $T/oauth2.conf.ext
}
END
    cat >"$T/oauth2.conf.ext" <<END
introspection_mode = local
local_validation_key_dict = fs:posix:prefix=$T/keys/
username_attribute = sub
END
}
relay_tokens_2_4()
{
    cat <<END
oauth2 {
  introspection_mode = local
  username_attribute = sub
}
oauth2_local_validation {
  dict fs {
    fs posix {
      prefix = $T/keys/
    }
  }
}
passdb oauth2 {
  mechanisms_filter = xoauth2 oauthbearer
}
END
}

relay_base64url() { openssl base64 -A | tr '+/' '-_' | tr -d =; }

# An OAuth access token (JWT) for that user.
relay_token()
{
    local now head body signature
    now=$(date +%s)
    head=$(printf '{"alg":"HS256","typ":"JWT"}' | relay_base64url)
    body=$(printf '{"sub":"%s","iat":%d,"nbf":%d,"exp":%d}' "$1" "$now" "$now" $((now + 3600)) | relay_base64url)
    signature=$(printf %s "$head.$body" | openssl dgst -sha256 -hmac 'made-up key for loopback' -binary | relay_base64url)
    echo "$head.$body.$signature"
}

# Postfix reads its main.cf again and again until that has been left alone for a second: as if it had been.
relay_settled() { touch -d '10 seconds ago' "$1"; }

# Postfix as the snippets of conf/postfix say, on the ports and in the folders of this relay. $1: policyd, milter or both.
relay_start_postfix()
{
    local name without='' line door=private/auth
    [ -z "${RELAY_SASL:-}" ] || door=unix:$T/run/sasl.sock
    {
        echo 'compatibility_level = 3.6'
        sed -e "s|/run/postern/|$T/run/|; s|^relayhost = .*|relayhost = [127.0.0.1]:$SINK|" \
            -e 's|^smtp_tls_security_level = .*|smtp_tls_security_level = none|' \
            -e "s|^mynetworks =.*|mynetworks = ${RELAY_NETWORKS-127.20.0.0/16}|" conf/postfix/main.cf
        cat <<END
queue_directory = $T/queue
data_directory = $T/data
maillog_file = $T/maillog
maillog_file_prefixes = $T
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
myhostname = relay.contoso.example
alias_maps =
smtp_host_lookup = native
smtpd_peername_lookup = no
smtpd_client_connection_count_limit = 0
smtpd_authorized_xclient_hosts = 127.0.0.1
smtpd_tls_cert_file = $T/cert.pem
smtpd_tls_key_file = $T/key.pem
smtpd_tls_session_cache_database =
smtputf8_enable = yes
END
    } >"$T/postfix/main.cf"
    # No setting twice: each process warns of each, which can be more than the log's socket holds before its reader is there,
    # and then master(8) waits for itself (net.unix.max_dgram_qlen is 10).
    for name in $(sed -n 's/^\([a-z0-9_]*\) *=.*/\1/p' "$T/postfix/main.cf" | sort | uniq -d); do
        sed -i "0,/^$name *=/{/^$name *=/d}" "$T/postfix/main.cf"
    done
    # Replaced, not added: of a setting that occurs twice each of Postfix's programs warns.
    while read -r line; do [ -z "$line" ] || postconf -c "$T/postfix" -e "$line"; done <<<"${RELAY_MAIN_CF:-}"
    case $1 in
    policyd) without='smtpd_milters=' ;;
    milter) without='smtpd_end_of_data_restrictions=' ;;
    esac
    {
        cat <<'END'
pickup    unix  n       -       n       60      1       pickup
cleanup   unix  n       -       n       -       0       cleanup
qmgr      unix  n       -       n       300     1       qmgr
tlsmgr    unix  -       -       n       1000?   1       tlsmgr
rewrite   unix  -       -       n       -       -       trivial-rewrite
bounce    unix  -       -       n       -       0       bounce
defer     unix  -       -       n       -       0       bounce
trace     unix  -       -       n       -       0       bounce
verify    unix  -       -       n       -       1       verify
proxymap  unix  -       -       n       -       -       proxymap
smtp      unix  -       -       n       -       -       smtp
relay     unix  -       -       n       -       -       smtp
showq     unix  n       -       n       -       -       showq
error     unix  -       -       n       -       -       error
retry     unix  -       -       n       -       -       error
anvil     unix  -       -       n       -       1       anvil
scache    unix  -       -       n       -       1       scache
postlog   unix-dgram n  -       n       -       1       postlogd
END
        sed -e "s|^submission |127.0.0.1:$SMTP |; s|^smtp  |127.0.0.1:$SMTP25 |" \
            -e "s|smtpd_sasl_path=.*|smtpd_sasl_path=$door|" conf/postfix/master.cf |
            if [ -n "$without" ]; then grep -v -e "-o $without"; else cat; fi
        printf '%s' "${RELAY_MASTER_CF:-}"
    } >"$T/postfix/master.cf"
    [ "$1" != milter ] || sed -i '/^    check_policy_service/d' "$T/postfix/main.cf"
    relay_settled "$T/postfix/main.cf"
    postfix -c "$T/postfix" start >>"$T/postfix.log" 2>&1 || { cat "$T/postfix.log" "$T/maillog" >&2; return 1; }
    relay_wait relay_listens "$SMTP"
    relay_wait relay_listens "$SMTP25"
}

relay_start_policyd()
{
    relay_run policyd "$BIN/postern-policyd" -c "$T/postern.conf"
    relay_wait relay_listens_at "$T/run/policyd.sock"
}

relay_start_milter()
{
    relay_run milter "$BIN/postern-milter" -c "$T/postern.conf"
    relay_wait relay_listens_at "$T/run/milter.sock"
}

# With $RELAY_SASL, Postfix asks it at AUTH in place of Dovecot.
relay_start_sasl()
{
    relay_run sasl "$BIN/postern-sasl" -c "$T/postern.conf"
    relay_wait relay_listens_at "$T/run/sasl.sock"
}

# After relay_run: until each of these programs has read its configuration again, or refused it.
relay_reload()
{
    local name before
    for name; do
        before=$(relay_reloads "$name")
        kill -USR1 "$(cat "$T/$name.pid")"
        relay_wait relay_reloaded "$name" "$before"
    done
}
relay_reloads() { grep -c 'configuration .* loaded\|reload refused' "$T/$1.log"; }
relay_reloaded() { [ "$(relay_reloads "$1")" -gt "$2" ]; }

relay_start()
{
    relay_start_sink && relay_start_dovecot || return 1
    [ "$1" = milter ] || relay_start_policyd || return 1
    [ "$1" = policyd ] || relay_start_milter || return 1
    [ -z "${RELAY_SASL:-}" ] || relay_start_sasl || return 1
    relay_start_postfix "$1"
}

relay_arrived() { find "$T/sink" -type f | wc -l; }

relay_stop()
{
    local pid config
    relay_give_back
    [ -n "${T:-}" ] || return 0
    for config in "$T/postfix" "$T"/*/postfix; do
        [ ! -f "$config/main.cf" ] || postfix -c "$config" stop >/dev/null 2>&1 || :
    done
    [ ! -f "$T/dovecot/master.pid" ] || kill "$(cat "$T/dovecot/master.pid")" 2>/dev/null || :
    for pid in $relay_pids; do kill "$pid" 2>/dev/null || :; done
    for pid in $relay_pids; do wait "$pid" 2>/dev/null || :; done
    if [ -n "${RELAY_KEEP:-}" ]; then echo "relay: kept $T" >&2; else rm -rf "$T"; fi
    T=
}
