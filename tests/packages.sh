#!/usr/bin/env bash
# What the tests need beyond Python: an RTSP server, ffmpeg, two browsers with a font, two reverse proxies, an mDNS daemon, etcd,
# and Go unless there is another (`make kube-assets`); Debian's Rust is too old for `make onvif-peer`. Firefox is 80 MB
# to load and 300 MB on the disk; it decodes H.264 by ffmpeg's libavcodec. Of prometheus only
# promtool is used; VLC comes without an interface. Installs what is missing as
# root or in CI (CI=true); otherwise says how to. A person's tests go on without them and skip what
# they cannot test; in CI a package that cannot be had is an error.
set -euo pipefail

packages=(
    python3-venv python3-gi gir1.2-gst-rtsp-server-1.0 gir1.2-gstreamer-1.0
    gstreamer1.0-plugins-base gstreamer1.0-plugins-good gstreamer1.0-plugins-bad
    gstreamer1.0-plugins-ugly gstreamer1.0-libav gstreamer1.0-tools ffmpeg chromium
    firefox-esr fonts-dejavu-core avahi-daemon etcd-server nftables nginx caddy curl prometheus faketime
    vlc-bin vlc-plugin-base
)
command -v go > /dev/null || packages+=(golang-go)
install=(apt-get install -y --no-install-recommends)
in_ci=false
[[ ${CI:-} != true ]] || in_ci=true

if ! command -v dpkg-query > /dev/null || ! command -v apt-get > /dev/null; then
    echo "Some tests are skipped unless the counterparts of these Debian packages are installed:"
    echo "  ${packages[*]}"
    exit
fi

missing=()
for package in "${packages[@]}"; do
    state=$(dpkg-query -W -f '${db:Status-Status}' "$package" 2> /dev/null) || state=unknown
    [[ $state == installed ]] || missing+=("$package")
done
[[ ${#missing[@]} != 0 ]] || exit 0

if [[ $EUID != 0 ]] && ! $in_ci; then
    echo "Some tests are skipped, because these packages are missing: ${missing[*]}"
    echo "To install them, as root:  apt-get update && ${install[*]} ${missing[*]}"
    exit
fi

export DEBIAN_FRONTEND=noninteractive
as_root=()
[[ $EUID == 0 ]] || as_root=(sudo -n -E)

get_them() {
    "${as_root[@]}" apt-get update -q || return
    local package wanted=()
    for package in "${missing[@]}"; do  # Ubuntu, for one, has no package called chromium
        if $in_ci || apt-cache show "$package" > /dev/null 2>&1; then
            wanted+=("$package")
        else
            echo "$package is not to be had here: what needs it is skipped."
        fi
    done
    [[ ${#wanted[@]} == 0 ]] || "${as_root[@]}" "${install[@]}" -q "${wanted[@]}"
}
if ! get_them; then
    if $in_ci; then exit 1; fi
    echo "Some tests are skipped, because these packages cannot be installed now: ${missing[*]}"
fi
