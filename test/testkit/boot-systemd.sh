#!/bin/sh
# Boots a real systemd as process 1 of namespaces of its own, with nothing but the units that a test installs. See systemd.ts.
#
#   boot-systemd.sh <checkout> <folder>        needs root; the folder is shared with the machine as /srv
set -eu
checkout=$1 folder=$2

if [ -z "${STAGE-}" ]; then
  STAGE=1 exec unshare --mount "$0" "$@"
fi
if [ "$STAGE" = 1 ]; then
  # A cgroup of its own becomes the root of what systemd sees.
  mkdir "$folder/cgroup"
  mount -t cgroup2 cgroup2 "$folder/cgroup"
  group=$folder/cgroup/countersign-test-$$
  mkdir "$group"
  echo $$ >"$group/cgroup.procs"
  clean() {
    echo $$ >"$folder/cgroup/cgroup.procs"
    until find "$group" -depth -type d -exec rmdir {} + 2>/dev/null; do sleep 0.1; done
    umount "$folder/cgroup"
  }
  trap clean EXIT
  trap : TERM
  STAGE=2 setpriv --pdeathsig KILL unshare --mount --pid --uts --ipc --cgroup --fork --kill-child "$0" "$@" || true
  exit
fi

mount --make-rprivate /
mount -t proc proc /proc
# The kernel is shared with the machine: nothing here may set it up.
mount --bind /proc/sys /proc/sys
mount -o remount,bind,ro /proc/sys
mount --bind /sys /sys
mount -o remount,bind,ro /sys
mount -t cgroup2 cgroup2 /sys/fs/cgroup

mount -t tmpfs -o mode=755 tmpfs /run
mkdir /run/etc /run/lock
cp -a /etc/. /run/etc
rm -rf /run/etc/systemd/system/* /run/etc/credstore*
mount --bind /run/etc /etc
mount -t tmpfs -o mode=755 tmpfs /opt
mkdir /opt/countersign
mount --bind "$checkout" /opt/countersign
mount --bind "$folder" /srv
mount -t tmpfs tmpfs /tmp
mount -t tmpfs -o mode=755 tmpfs /var/lib
mount -t tmpfs -o mode=755 tmpfs /usr/local/bin
for place in system system-generators; do mount -t tmpfs tmpfs /usr/lib/systemd/$place; done
for target in sysinit basic shutdown network-online multi-user test; do
  printf '[Unit]\nDescription=%s\nDefaultDependencies=no\n' $target >/usr/lib/systemd/system/$target.target
done

# As on a machine: credentials are mounted by a process whose mounts must reach the service's.
mount --make-rshared /
export container=countersign-test
exec /usr/lib/systemd/systemd --system --unit=test.target --log-target=null --show-status=no
