#!/usr/bin/env bash
# vm_job.sh DIRECTORY: makes DIRECTORY/vmlinuz and DIRECTORY/initrd.img, Debian's kernel and what
# starts a program in it. The guest's root is the host's, read-only by 9p; its disk is mounted at
# /mnt; the program is the script that the kernel's command line names (job=), its output the first
# serial port. Root, Debian, x86-64.
set -euo pipefail
. "$(dirname "$(realpath "$0")")/../vm/kernel.sh"
mkdir -p "$1"
cd "$1"

install_packages qemu-system-x86 busybox-static cpio kmod
get_kernel
make_initrd "chroot poweroff" virtio_pci virtio_blk virtio_rng crc32c_generic ext4 9pnet_virtio 9p \
    << 'END'
mount -t 9p -o trans=virtio,version=9p2000.L,msize=262144,cache=loose,ro host /root
mount -t devtmpfs dev /root/dev
mount -t proc proc /root/proc
mount -t sysfs sys /root/sys
# Unlike the host's, this ext4 keeps no order between data and names, and writes early: a file may
# have its length before its bytes.
echo 20 > /proc/sys/vm/dirty_expire_centisecs
echo 20 > /proc/sys/vm/dirty_writeback_centisecs
mount -t ext4 -o data=writeback /dev/vda /root/mnt
chroot /root /bin/sh "$job" > /dev/ttyS0
poweroff -f
END
rm -r kernel
