#!/usr/bin/env bash
# vm.sh DIRECTORY: makes DIRECTORY/vmlinuz and DIRECTORY/initrd.img, Debian's kernel and what starts
# a program in it. The guest's root is the host's, read-only by 9p; its disk is mounted at /mnt; the
# program is the script that the kernel's command line names (job=), its output the first serial port.
# Root, Debian, x86-64.
set -euo pipefail
mkdir -p "$1"
cd "$1"

export DEBIAN_FRONTEND=noninteractive
packages=(qemu-system-x86 busybox-static cpio kmod)
if ! dpkg-query -W "${packages[@]}" > /dev/null 2>&1; then
    apt-get update -q
    apt-get install -y -q --no-install-recommends "${packages[@]}"
fi
package=$(apt-cache depends linux-image-amd64 | awk '/Depends/ {print $2; exit}')
version=${package#linux-image-}
apt-get download -q "$package"
dpkg -x "$package"_*.deb kernel
rm "$package"_*.deb
depmod -b kernel "$version"
cp "kernel/boot/vmlinuz-$version" vmlinuz

mkdir -p initrd/{bin,modules,proc,sys,dev,root}
cp /bin/busybox initrd/bin/
for applet in sh mount insmod chroot poweroff; do ln -s busybox "initrd/bin/$applet"; done
for module in virtio_pci virtio_blk virtio_rng crc32c_generic ext4 9pnet_virtio 9p; do
    modprobe -d "$PWD/kernel" -S "$version" --show-depends "$module"
done | awk '/^insmod/ && !seen[$2]++ {print $2}' | while read -r file; do
    cp "$file" initrd/modules/
    echo "insmod /modules/${file##*/}" >> initrd/insert
done
cat > initrd/init << 'END'
#!/bin/sh
mount -t devtmpfs dev /dev
mount -t proc proc /proc
. /insert
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
chmod +x initrd/init
(cd initrd && find . | cpio -o -H newc --quiet) | gzip -1 > initrd.img
rm -r kernel initrd
