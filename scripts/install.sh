#!/bin/sh
# make install: programs, manual pages, units, examples. $1 build directory, $2 DESTDIR, $3 PREFIX, $4 SYSCONFDIR.
# An existing configuration is left alone.
set -eu
build=$1 root=$2 prefix=$3 sysconfdir=$4

put()
{
    mode=$1 from=$2 to=$root$3
    install -D -m "$mode" "$from" "$to"
}

# With the paths of this installation in the place of @PREFIX@ and @SYSCONFDIR@.
put_filled()
{
    install -d "$root$(dirname "$2")"
    sed -e "s|@PREFIX@|$prefix|g; s|@SYSCONFDIR@|$sysconfdir|g" "$1" >"$root$2"
    chmod 644 "$root$2"
}

for program in policyd milter sasl mirror alert cluster web; do
    put 755 "$build/postern-$program" "$prefix/sbin/postern-$program"
done
put 755 "$build/postern" "$prefix/bin/postern"
for program in postern postern-cluster; do
    put 644 "conf/completion/$program.bash" "$prefix/share/bash-completion/completions/$program"
done
for page in doc/*.[1-8]; do
    put 644 "$page" "$prefix/share/man/man${page##*.}/$(basename "$page")"
done
for unit in conf/systemd/*.service conf/systemd/*.timer conf/systemd/*.path conf/systemd/*.socket; do
    [ ! -e "$unit" ] || put_filled "$unit" "$prefix/lib/systemd/system/$(basename "$unit")"
done
put 644 conf/powershell/export.ps1 "$prefix/share/postern/export.ps1"
put 644 conf/exchange-online-networks "$prefix/share/postern/exchange-online-networks"
put 644 conf/systemd/sysusers.conf "$prefix/lib/sysusers.d/postern.conf"
put_filled conf/systemd/tmpfiles.conf "$prefix/lib/tmpfiles.d/postern.conf"
for example in conf/postern.conf conf/postfix/main.cf conf/postfix/master.cf conf/dovecot/postern*.conf \
    conf/fail2ban/filter.d/postern.conf conf/fail2ban/jail.d/postern.conf \
    conf/prometheus/postern.rules.yml conf/grafana/postern.json conf/nginx/postern-offer.conf \
    conf/nginx/postern-web.conf conf/apache/postern-web.conf; do
    put 644 "$example" "$prefix/share/doc/postern/examples/${example#conf/}"
done
[ -d "$root$sysconfdir/postern/secrets" ] || install -d -m 700 "$root$sysconfdir/postern/secrets"
for page in doc/*.md; do
    put 644 "$page" "$prefix/share/doc/postern/$(basename "$page")"
done
[ -e "$root$sysconfdir/postern/postern.conf" ] || put 644 conf/postern.conf "$sysconfdir/postern/postern.conf"
[ -n "$root" ] || [ ! -e /var/lib/postern/directory/current ] ||
    echo "an upgrade: run \"$prefix/sbin/postern-mirror rebuild\" before you start the services again (their units do)"
echo "installed below ${root:-/}; next: README.md, \"Behind your own Postfix\""
