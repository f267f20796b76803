#!/usr/bin/env bash
# base.sh FILE: makes what the image is built on, as a tar: Debian with Python and nothing else. There
# is no registry of images to ask. Root, Debian.
set -euo pipefail
. "$(dirname "$(realpath "$0")")/../vm/kernel.sh"
install_packages buildah mmdebstrap
[[ ! -e $1 ]] || exit 0
. /etc/os-release
mkdir -p "$(dirname "$1")"
mmdebstrap --quiet --mode=root --variant=minbase --include=python3,python3-venv,ca-certificates \
    "$VERSION_CODENAME" "$1.new.tar" \
    "$(ls /etc/apt/sources.list.d/debian.sources /etc/apt/sources.list 2> /dev/null | head -n 1)"
mv "$1.new.tar" "$1"
