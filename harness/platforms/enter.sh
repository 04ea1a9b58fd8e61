#!/usr/bin/env bash
# enter.sh PLACE CACHE COMMAND...: makes PLACE the root of this mount namespace, which is its caller's own,
# with /proc, /sys and /dev, and CACHE as apt's; then becomes the command.
#
# A chroot would not do: the kernel lets nobody in one make a user namespace, so that bubblewrap fails.
set -eu
place=$1 cache=$2
shift 2

mount --bind "$place" "$place"
cd "$place"
mount -t proc proc proc
mount --rbind /sys sys
mount -t tmpfs -o mode=755 dev dev
for node in null zero full random urandom tty; do
	touch "dev/$node"
	mount --bind "/dev/$node" "dev/$node"
done
mkdir dev/pts dev/shm
mount -t devpts -o newinstance,ptmxmode=0666,mode=620,gid=5 devpts dev/pts
mount -t tmpfs -o mode=1777 shm dev/shm
ln -s pts/ptmx dev/ptmx
ln -s /proc/self/fd dev/fd
for number in 0:stdin 1:stdout 2:stderr; do
	ln -s "/proc/self/fd/${number%%:*}" "dev/${number#*:}"
done
mkdir -p var/cache/apt/archives
mount --bind "$cache" var/cache/apt/archives
hostname lab

pivot_root . .
umount -l .
cd /
exec env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root \
	LANG=C.UTF-8 TERM=dumb "$@"
