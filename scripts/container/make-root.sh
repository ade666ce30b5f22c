#!/bin/sh
# Makes the root file system of postern's container image, and of the Postfix that compose.yaml puts beside it, from Debian's
# packages and those that "make deb" has built: two archives in build/container, with the Dockerfile that takes them in.
#
#   scripts/container/make-root.sh [RELEASE [DIRECTORY-OF-PACKAGES]]     this machine's Debian and build/deb unless given
#   DEBIAN_MIRROR=URL     in the place of the mirror that this machine's apt uses
#
# Needs root (or mmdebstrap's other modes) and mmdebstrap. The packages must have been built on the same release.
set -eu
cd "$(dirname "$0")/../.." || exit 1
# shellcheck disable=SC1091 # every Debian has it
release=${1:-$(. /etc/os-release && echo "$VERSION_CODENAME")}
packages=${2:-build/deb}
# shellcheck disable=SC2016 # $(SITE) is for apt-get
mirror=${DEBIAN_MIRROR:-$(apt-get indextargets --format '$(SITE)' 'Label: Debian' | head -n 1)}
out=build/container

debs=
for name in postern postern-common postern-policyd postern-milter postern-sasl postern-mirror; do
    for deb in "$packages/$name"_*.deb; do
        if [ ! -e "$deb" ]; then
            echo "$packages has no package $name: \"make deb\" makes it" >&2
            exit 1
        fi
        debs="$debs,$(realpath "$deb")"
    done
done

# The numbers of users and groups are the same in each image, whatever is in it: volumes belong to them, and Postfix reaches the
# sockets by its group. 2525: postern; 2526: postfix.
accounts='echo "postern:x:2525:
postfix:x:2526:" >>"$1/etc/group"
echo "postern:x:2525:2525::/var/lib/postern:/usr/sbin/nologin
postfix:x:2526:2526::/var/spool/postfix:/usr/sbin/nologin" >>"$1/etc/passwd"'

# image NAME PACKAGES [MORE-OPTIONS...]: only what the packages need: neither apt nor manuals, but all copyrights.
image()
{
    name=$1 include=$2
    shift 2
    mmdebstrap --quiet --format=tar --variant=essential --include="$include" \
        --dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/locale/*' \
        --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-include=/usr/share/doc/*/copyright' \
        --essential-hook="$accounts" --skip=cleanup/run \
        --hook-dir=/usr/share/mmdebstrap/hooks/file-mirror-automount \
        "$@" \
        --customize-hook='rm -rf "$1"/var/cache/* "$1"/var/lib/apt "$1"/var/log/* "$1"/boot "$1"/media "$1"/srv' \
        "$release" "$out/$name.tar.part" "$mirror"
    mv "$out/$name.tar.part" "$out/$name.tar"
}

mkdir -p "$out"
# The folders that systemd-tmpfiles makes elsewhere belong to postern here, which is nobody else in an image without notices.
image postern "ca-certificates${debs}" \
    --customize-hook='chroot "$1" systemd-tmpfiles --create postern.conf' \
    --customize-hook='copy-in scripts/container/mirror-loop.sh /usr/local/sbin' \
    --customize-hook='copy-in scripts/container/postern.conf /etc/postern' \
    --customize-hook='chown root:root "$1"/usr/local/sbin/mirror-loop.sh "$1"/etc/postern/postern.conf'
image postfix 'postfix,ca-certificates'
cp scripts/container/Dockerfile scripts/container/Dockerfile.postfix scripts/container/compose.yaml \
    scripts/container/postern.conf "$out/"
ls -l "$out"
