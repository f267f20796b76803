#!/usr/bin/env bash
# image.sh DIRECTORY WHEELS [PACKAGE …]: makes DIRECTORY/{vmlinuz,initrd.img,root.img}, Debian with systemd and
# this release as its README installs it, without a network: WHEELS has every wheel of
# constraints.txt and that of FalconEye. The guest's second serial port is a root shell; it has the
# drivers of USB cameras and of the bus by which the emulated ones come (vhci_hcd).
# Root, Debian on x86-64; the guest's Python is that of Debian 12.
set -euo pipefail
root=$(realpath "$(dirname "$0")/../..")
. "$root/tests/vm/kernel.sh"
wheels=$(realpath "$2")
folder=$1
shift 2
more=$(printf ',%s' "$@")
mkdir -p "$folder"
cd "$folder"

install_packages qemu-system-x86 mmdebstrap busybox-static cpio kmod e2fsprogs
get_kernel

. /etc/os-release
mmdebstrap --quiet --mode=root --variant=minbase --aptopt='Acquire::Languages "none"' \
    --dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/doc/*' \
    --dpkgopt='path-exclude=/usr/share/locale/*' \
    --include=systemd,systemd-sysv,udev,dbus,kmod,python3,python3-venv,iproute2,procps,e2fsprogs,v4l-utils"${more%,}" \
    "$VERSION_CODENAME" rootfs "$(ls /etc/apt/sources.list.d/debian.sources /etc/apt/sources.list 2> /dev/null | head -n 1)"

modules=rootfs/usr/lib/modules/$version
mkdir -p "$modules"
needed_by virtio_pci virtio_blk virtio_net virtio_rng ext4 crc32c_generic xhci_pci usb_storage sd_mod \
    af_packet autofs4 9pnet_virtio 9p uvcvideo vhci_hcd | while read -r file; do
    install -D -m 644 "$file" "$modules/${file#"$PWD/kernel/lib/modules/$version/"}"
done
cp "kernel/lib/modules/$version"/modules.{builtin,builtin.modinfo,order} "$modules/"
depmod -b rootfs "$version"

# The README's lines, but for the network.
mkdir -p rootfs/tmp/wheels
cp "$wheels"/*.whl rootfs/tmp/wheels/
chroot rootfs python3 -m venv /opt/falconeye
chroot rootfs sh -c '/opt/falconeye/bin/pip install --quiet --disable-pip-version-check --no-index \
    --no-deps /tmp/wheels/*.whl'
rm -r rootfs/tmp/wheels
site=$(echo rootfs/opt/falconeye/lib/python3.*/site-packages)
cp "$root/tests/vm/named_threads.py" "$site/"
echo 'import named_threads' > "$site/named_threads.pth"

: > rootfs/etc/machine-id
echo recorder > rootfs/etc/hostname
echo 'LABEL=root / ext4 rw,relatime 0 1' > rootfs/etc/fstab
cat > rootfs/etc/systemd/system/shell.service << 'END'
[Unit]
Description=a shell on the second serial port
After=basic.target
[Service]
ExecStart=/usr/bin/bash --norc --noprofile
Environment=HOME=/root SYSTEMD_PAGER= SYSTEMD_COLORS=0
StandardInput=tty
StandardOutput=tty
StandardError=journal
TTYPath=/dev/ttyS1
[Install]
WantedBy=multi-user.target
END
chroot rootfs systemctl --quiet enable shell.service
chroot rootfs systemctl --quiet mask proc-sys-fs-binfmt_misc.automount getty@tty1.service \
    serial-getty@ttyS0.service systemd-timesyncd.service apt-daily.timer apt-daily-upgrade.timer \
    e2scrub_all.timer e2scrub_reap.service

make_initrd "switch_root sleep" virtio_pci virtio_blk crc32c_generic ext4 << 'END'
until mount -t ext4 /dev/vda /root; do sleep 0.1; done
mount -o move /dev /root/dev
exec switch_root /root /sbin/init
END
rm -f root.img
truncate -s 3G root.img
mkfs.ext4 -q -F -L root -d rootfs root.img
rm -r rootfs kernel
