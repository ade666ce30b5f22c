# shellcheck shell=bash disable=SC2154 # who sources this sets root and T
# What people ask the web program for, done in the sandboxes of the units that do it: with a real Postfix's queue, for all relays of a
# cluster, and in the stand-in for Exchange Online. Sourced by run.sh, after booted.sh and set_up.

# The administrator switches all of it on, has a cluster whose Redis is away, and a tenant in Exchange Online.
set_up_actions()
{
    local conf=$root/etc/postern/postern.conf
    cp "$conf" "$T/before-actions.conf"
    sed -i 's/^    actions = .*/    actions = ["block", "unblock", "hold", "release", "allow", "deny", "forget", "discard", "reload", "disable"];/
        s/^#    \(allow_file\|deny_file\)/    \1/' "$conf"
    running touch /etc/postern/allow /etc/postern/deny
    cp -r tests/standin "$root/root/"
    running bash -c '. /root/standin/standin.sh; unset http_proxy https_proxy
        standin_start "{\"tenants\":{\"$STANDIN_TENANT_2\":{\"domain\":\"fabrikam.example\",\"initial_domain\":\"fabrikamexample.onmicrosoft.com\",\"mailboxes\":10}}}" >/root/standin.log 2>&1 && cp "$STANDIN_CLIENT_CERT" /etc/postern/secrets/fabrikam.pem &&
        cp "$STANDIN_CLIENT_KEY" /etc/postern/secrets/fabrikam.key && cp "$STANDIN_CA" /etc/postern/fabrikam-ca.pem && echo "$STANDIN_PID" >/root/standin.pid &&
        echo "tenants = ( { name = \"fabrikam\"; domains = [\"fabrikam.example\"];
            exchange = { tenant_id = \"$STANDIN_TENANT_2\"; application = \"$STANDIN_CLIENT_ID\"; writeback = true;
                certificate_file = \"fabrikam.pem\"; key_file = \"fabrikam.key\"; ca_file = \"fabrikam-ca.pem\";
                hosts = { login = \"localhost:$STANDIN_PORT\"; exchange = \"localhost:$STANDIN_PORT\";
                          graph = \"graph.localhost:$STANDIN_PORT\"; }; }; } );" >>/etc/postern/postern.conf' || return 1
    echo 'cluster = { server = "unix:/run/redis/redis.sock"; key_file = "secrets/cluster.key"; node = "mx1.contoso.example"; };' >>"$conf"
    running postern-cluster init &&
        running sh -c 'umask 077; postern web-user token person --role admin --expires never >/root/person-token' &&
        running systemctl restart postern-policyd postern-milter postern-web && running systemctl enable --now postern-cluster &&
        running systemctl enable --now postern-mirror-respond.path && running systemctl start postern-mirror postfix
}

clear_actions()
{
    cp "$T/before-actions.conf" "$root/etc/postern/postern.conf"
    running systemctl disable --now postern-cluster postern-mirror-respond.path
    running sh -c 'kill $(cat /root/standin.pid); rm -rf /tmp/postern-standin.*; rm -f /etc/postern/deny /etc/postern/fabrikam-ca.pem /etc/postern/secrets/*'
    running systemctl restart postern-policyd postern-milter postern-web
} >/dev/null 2>&1

person() { running env TOKEN=/root/person-token perl /usr/local/lib/web.pl "$@"; }
member() { grep -o "\"$1\": *\"[^\"]*\"" | head -n 1 | cut -d '"' -f 4; }

# acts PATTERN MEMBERS: what became of what is asked for with these members, "STATE WHAT-WAS-SAID".
acts()
{
    local id said=
    id=$(person /api/v1/actions "{$2, \"reason\": \"it is tried\"}" | tee /dev/stderr | member id)
    for _ in $(seq 300); do
        said=$(person "/api/v1/actions/$id")
        case $said in *'"waiting"'* | *'"begun"'*) sleep 0.3 ;; *) break ;; esac
    done
    echo "$said"
    said="$(member state <<<"$said") $(member said <<<"$said")"
    # shellcheck disable=SC2254  # a pattern is what is wanted
    case $said in $1) ;; *) running journalctl --no-pager -n 30; return 1 ;; esac
}
# done_to SUBJECT VERB [MEMBERS]: with success.
done_to() { acts 'done *' "\"verb\": \"$2\", \"subject\": \"$1\"${3:+, $3}"; }

# A message of LOGIN in the queue that nothing takes away, of which postern knows.
queue_one()
{
    running postconf -e 'defer_transports = smtp' 'relayhost = [192.0.2.25]' && running systemctl reload postfix || return 1
    running sh -c "printf 'From: %s\n\ntext\n' $1 | sendmail -f $1 guest@adatum.example"
    for _ in $(seq 100); do
        queued=$(running postqueue -j | member queue_id)
        [ -z "$queued" ] || break
        sleep 0.2
    done
    answers 'action=DUNNO' policyd "$1" "$queued" "$queued" || return 1
    # The journal has it within seconds. Postfix's commands look for addresses that the sandbox's network lacks.
    found=
    for _ in $(seq 100); do
        ! running postern hold --dry-run --json "$1" | grep "$queued" || { found=yes; break; }
        sleep 0.2
    done
    [ -n "$found" ] || { running postqueue -j; running postern log --lines 5; return 1; }
    running postconf -e 'inet_interfaces = 192.0.2.1'
}
queue_is() { [ "$(running sh -c 'postconf -e inet_interfaces=all; postqueue -j; postconf -e inet_interfaces=192.0.2.1' | member queue_name)" = "$1" ]; }

acts_on_queue()
{
    queue_one dora@contoso.example && done_to dora@contoso.example hold && queue_is hold && done_to dora@contoso.example release &&
        queue_is deferred && done_to dora@contoso.example discard '"confirm": "dora@contoso.example"' && queue_is '' &&
        running postconf -e inet_interfaces=all
}
acts_on_blocks()
{
    done_to anna@contoso.example block '"for": "1h"' && running postern blocks | grep anna && done_to anna@contoso.example unblock &&
        ! running postern blocks | grep anna
}
acts_on_lists()
{
    local more
    for more in '' '"cluster": true'; do
        done_to anna@contoso.example deny "$more" && done_to anna@contoso.example allow "$more" && done_to anna@contoso.example forget "$more" || return 1
    done
    folder /etc/postern/allow root:root 644 && [ "$(cat "$root/etc/postern/allow")" = '# by hand' ]
}
acts_at_source()
{
    running postern-mirror show user0000001@fabrikam.example | grep 'SMTP AUTH .*enabled' &&
        done_to user0000001@fabrikam.example disable '"confirm": "user0000001@fabrikam.example"' &&
        running postern-mirror show user0000001@fabrikam.example | grep 'SMTP AUTH .*disabled'
}
acts_are_logged()
{
    folder /var/log/postern/actions.log root:postern 640 &&
        [ "$(grep -c '"state":"done"' "$root/var/log/postern/actions.log")" = 13 ] && grep '"from":"uid 0"' "$root/var/log/postern/actions.log"
}

# Ten tries of one user of the machine don't shut out another one.
tries_of_each_user()
{
    local user said last=
    for user in daemon daemon daemon daemon daemon daemon daemon daemon daemon daemon daemon daemon nobody; do
        said=$(running setpriv --reuid=$user --regid=nogroup --groups="$(running getent group postern-web | cut -d : -f 3)" \
            perl /usr/local/lib/web.pl /api/v1/login "{\"name\": \"$user-$RANDOM\", \"password\": \"not the right one\"}")
        echo "$user $said"
        case $user in daemon) last=$said ;; esac
    done
    case $last in 429*) ;; *) return 1 ;; esac
    case $said in 401*) ;; *) return 1 ;; esac
}
