# The peers' set-ups, each as its documentation wants it for limits on logins, with the fastest settings that keep the limits.
# Sourced by bench/peers.sh, after bench/lib.sh. Everything lives below $work; nothing of the installed services is used.
# What would slow a peer down and has nothing to do with limits is switched off, in its favour.

# Its rates count at the end of the message: rate() messages, rcpt() recipients. Children of their own for more than all
# connections (a child serves one), no request cache (no request comes twice), no DNS, no statistics. It speaks TCP only.
setup_postfwd()
{
    local port
    port=$(free_port)
    cat >"$work/postfwd.cf" <<'END'
id=MESSAGES; protocol_state==END-OF-MESSAGE; sasl_username=~/./; action=rate(sasl_username/1000000/86400/451 4.7.1 too many messages)
id=RECIPIENTS; protocol_state==END-OF-MESSAGE; sasl_username=~/./; action=rcpt(sasl_username/1000000/86400/451 4.7.1 too many recipients)
id=REST; action=DUNNO
END
    mkdir "$work/postfwd.run"
    chown nobody:nogroup "$work/postfwd.run"
    pid_file=$work/postfwd.run/pid serve postfwd "127.0.0.1:$port" postfwd2 --daemon -f "$work/postfwd.cf" -i 127.0.0.1 -p "$port" -u nobody -g nogroup \
        --pidfile "$work/postfwd.run/pid" --cache_proto unix --cache_port "$work/postfwd.run/cache" --nodns --no-rulestats \
        --cache 0 --no_parent_request_cache --min_servers $((connections + 8)) --max_servers $((connections + 24)) \
        --min_spare_servers 4 --max_spare_servers $((connections + 16))
}

# Counts recipients of a login, at RCPT only; what else it is asked it lets pass. SQLite on a memory file system, for the
# database is what it waits for. One process and one thread is what it has. It answers in lower case.
setup_policyd_rate_limit()
{
    memory=$(mktemp -d /dev/shm/postern-bench.XXXXXX)
    mkdir "$work/prl.run" "$work/prl.socket"
    cat >"$work/prl.yaml" <<END
debug: False
user: "policyd-rate-limit"
group: "policyd-rate-limit"
pidfile: "$work/prl.run/pid"
sqlite_config:
    database: "$memory/counts"
backend: 0
SOCKET: "$work/prl.socket/policy"
socket_permission: 0666
limits:
    - [1000000, 60]
    - [1000000, 86400]
limits_by_id: {}
limit_by_sasl: True
limit_by_sender: False
limit_by_ip: False
limited_networks: []
success_action: "dunno"
fail_action: "defer_if_permit too many"
db_error_action: "defer_if_permit database"
report: False
report_limits: [86400]
delay_to_close: 300
END
    serve policyd-rate-limit "$work/prl.socket/policy" policyd-rate-limit -f "$work/prl.yaml"
}

# A throwaway instance on a UNIX socket that writes nothing to disk.
setup_redis()
{
    mkdir "$work/redis"
    serve redis "$work/redis/socket" redis-server --port 0 --unixsocket "$work/redis/socket" --unixsocketperm 777 \
        --save '' --appendonly no --dir "$work/redis"
}

# A worker a core that scans in itself, and of all modules ratelimit alone, with Redis beside it: two limits a login. A short list
# of top-level domains, since compiling the real one takes a minute and ratelimit does not look at it.
setup_rspamd()
{
    local r=$work/rspamd
    mkdir -p "$r/db"
    printf 'com\nnet\norg\nexample\n' >"$r/tlds"
    cat >"$r/rspamd.conf" <<END
.include "/etc/rspamd/actions.conf"
options {
    filters = "";
    url_tld = "$r/tlds";
    tempdir = "$r/db";
    hs_cache_dir = "$r/db/";
    cache_file = "$r/db/symbols.cache";
    control_socket = "$r/control mode=0600";
    dns { nameserver = ["127.0.0.1"]; }
}
logging { type = "file"; filename = "$r/log"; level = "error"; }
worker "rspamd_proxy" {
    bind_socket = "$r/socket mode=0666";
    milter = yes;
    timeout = 120s;
    count = $(nproc);
    upstream "local" { default = yes; self_scan = yes; }
}
redis { servers = "$work/redis/socket"; }
ratelimit {
    rates {
        minute = { selector = "user.lower"; bucket = [ { burst = 1000000; rate = "1000000 / 1m"; } ]; }
        day = { selector = "user.lower"; bucket = [ { burst = 1000000; rate = "1000000 / 1d"; } ]; }
    }
}
modules { path = "\${PLUGINSDIR}/ratelimit.lua"; }
END
    chown -R _rspamd:_rspamd "$r"
    serve rspamd "$r/socket" rspamd -f -u _rspamd -g _rspamd --var=DBDIR="$r/db" --var=RUNDIR="$r" --var=LOGDIR="$r" -c "$r/rspamd.conf"
}

# No rate limits: a milter that nearly everybody has, for scale. It signs each message with RSA, 2048 bits.
setup_opendkim()
{
    mkdir "$work/dkim"
    openssl genrsa -out "$work/dkim/key.pem" 2048 2>/dev/null
    echo '192.0.2.0/24' >"$work/dkim/internal"
    cat >"$work/dkim/opendkim.conf" <<END
Socket local:$work/dkim/socket
Mode s
Domain contoso.example
Selector bench
KeyFile $work/dkim/key.pem
Canonicalization relaxed/simple
InternalHosts $work/dkim/internal
RequireSafeKeys no
UserID opendkim
UMask 000
Background no
Syslog no
END
    chown -R opendkim:opendkim "$work/dkim"
    chmod 600 "$work/dkim/key.pem"
    serve opendkim "$work/dkim/socket" opendkim -f -x "$work/dkim/opendkim.conf"
}
