#!/bin/bash
# Process 1 of the clean system that run.sh makes, in namespaces that run.sh has made: boot.sh FOLDER UNIT
#
# It gets devices, /sys and control groups of its own, so that nothing of this machine is within its reach.
set -eu
root=$1 unit=$2

mount --make-rprivate /
mount --bind "$root" "$root"
cd "$root"
mount -t proc proc proc
mount --bind proc/sys proc/sys
mount -o remount,bind,ro proc/sys
mount -t tmpfs -o mode=755 tmpfs run

mount -t tmpfs -o mode=755 tmpfs dev
mknod -m 666 dev/null c 1 3
mknod -m 666 dev/zero c 1 5
mknod -m 666 dev/full c 1 7
mknod -m 666 dev/random c 1 8
mknod -m 666 dev/urandom c 1 9
mkdir dev/pts dev/shm
mount -t devpts -o newinstance devpts dev/pts
ln -s pts/ptmx dev/ptmx

mount -t tmpfs -o mode=755 tmpfs sys
mkdir -p sys/fs/cgroup
if [ -d /sys/fs/cgroup/systemd ]; then
    mount -t tmpfs -o mode=755 tmpfs sys/fs/cgroup
    mkdir sys/fs/cgroup/systemd
    mount -t cgroup -o none,name=systemd cgroup sys/fs/cgroup/systemd
else
    mount -t cgroup2 cgroup2 sys/fs/cgroup
fi

pivot_root . mnt
umount -l /mnt
cd /
# As systemd-nspawn does: what is mounted for a service, such as its credentials, has to be seen in its namespace.
mount --make-rshared /
exec env -i container=test PATH=/usr/sbin:/usr/bin:/sbin:/bin \
    /lib/systemd/systemd --system --unit="$unit" --log-target=journal --show-status=no
