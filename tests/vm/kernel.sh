# Debian's kernel for a virtual machine, and what mounts its root; of the scripts that source it in
# the directory in which they make one. Root, Debian on x86-64.

install_packages() {  # PACKAGE …
    export DEBIAN_FRONTEND=noninteractive
    if ! dpkg-query -W "$@" > /dev/null 2>&1; then
        apt-get update -q
        apt-get install -y -q --no-install-recommends "$@"
    fi
}

get_kernel() {  # vmlinuz and its files in kernel/; $version is set
    local package
    package=$(apt-cache depends linux-image-amd64 | awk '/Depends/ {print $2; exit}')
    version=${package#linux-image-}
    apt-get download -q "$package"
    dpkg -x "$package"_*.deb kernel
    rm "$package"_*.deb
    depmod -b kernel "$version"
    cp "kernel/boot/vmlinuz-$version" vmlinuz
}

needed_by() {  # MODULE …: the kernel's files of these and of what they need, in the order of loading
    local module
    for module; do modprobe -d "$PWD/kernel" -S "$version" --show-depends "$module"; done \
        | awk '/^insmod/ && !seen[$2]++ {print $2}'
}

make_initrd() {  # "APPLET …" MODULE … < SCRIPT: initrd.img, in which the script finds the modules in
    local applets=$1 applet file
    shift
    mkdir -p initrd/{bin,modules,proc,sys,dev,root}
    cp /bin/busybox initrd/bin/
    for applet in sh mount insmod $applets; do ln -s busybox "initrd/bin/$applet"; done
    {
        printf '%s\n' '#!/bin/sh' 'mount -t proc proc /proc' 'mount -t devtmpfs dev /dev'
        needed_by "$@" | while read -r file; do
            cp "$file" initrd/modules/
            echo "insmod /modules/${file##*/}"
        done
        cat
    } > initrd/init
    chmod +x initrd/init
    (cd initrd && find . | cpio -o -H newc --quiet) | gzip -1 > initrd.img
    rm -r initrd
}
