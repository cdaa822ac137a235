# shellcheck shell=bash
# The image that every spoke boots: Debian's User-mode Linux kernel and one read-only root with stock FRR.
# Made of Debian packages alone, once, and kept below LAB_DIR.

LAB_DIR=${LAB_DIR:-${XDG_CACHE_HOME:-/var/cache}/dmvpn-hub-lab}
LAB_SUITE=bookworm
LAB_PACKAGES=iproute2,frr,strongswan-charon,strongswan-swanctl,libstrongswan-standard-plugins,tcpdump,iputils-ping,traceroute,iptables,ethtool,busybox-static,kmod,procps,netbase,iperf3,dpdk
IMAGE_KERNEL=$LAB_DIR/linux.uml
IMAGE_INITRD=$LAB_DIR/initrd.cpio
IMAGE_ROOT=$LAB_DIR/root.squashfs
GUEST_FILES=$ROOT/scripts/lab/guest

# The image is as good as its inputs: anything else in it means building again.
image_fingerprint() {
    { printf '%s\n' "$LAB_SUITE" "$LAB_PACKAGES"; cat "$GUEST_FILES"/{init,inittab,boot,agent} "$ROOT/scripts/lab/lib/image.sh"; } | sha256sum | cut -c1-16
}

image_current() {
    [ -f "$IMAGE_ROOT" ] && [ -f "$IMAGE_KERNEL" ] && [ -f "$IMAGE_INITRD" ] &&
        [ "$(cat "$LAB_DIR/fingerprint" 2>/dev/null)" = "$(image_fingerprint)" ]
}

# Fetch and unpack the User-mode Linux package; it is never installed.
image_kernel() {
    local work=$1
    mkdir -p "$work/debs" "$work/uml"
    # apt drops to its own user for downloads, which may not write here.
    (cd "$work/debs" && apt-get -qq -o APT::Sandbox::User=root download user-mode-linux)
    dpkg -x "$work"/debs/user-mode-linux_*.deb "$work/uml"
    cp "$work/uml/usr/bin/linux.uml" "$IMAGE_KERNEL.new"
}

image_userland() {
    local work=$1
    if [ ! -f "$LAB_DIR/userland.tar" ] || [ "$(cat "$LAB_DIR/userland.packages" 2>/dev/null)" != "$LAB_SUITE $LAB_PACKAGES" ]; then
        mmdebstrap --quiet --variant=minbase --components=main --include="$LAB_PACKAGES" \
            --aptopt='APT::Install-Recommends "false"' --aptopt='Acquire::Languages "none"' \
            --dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/locale/*' \
            "$LAB_SUITE" "$LAB_DIR/userland.tar"
        printf '%s\n' "$LAB_SUITE $LAB_PACKAGES" >"$LAB_DIR/userland.packages"
    fi
    mkdir -p "$work/root"
    tar -xf "$LAB_DIR/userland.tar" -C "$work/root"
    rm -rf "$work"/root/{dev,var/cache/apt,var/lib/apt,usr/share/doc}
    mkdir -p "$work"/root/{dev,host,lab,var/log/frr,lib/modules}
}

image_guest_files() {
    local work=$1 version=$2
    cp -a "$work/uml/usr/lib/uml/modules/$version" "$work/root/lib/modules/"
    chroot "$work/root" depmod "$version"
    install -m 755 "$GUEST_FILES"/{boot,agent} "$work/root/lab/"
    install -m 644 "$GUEST_FILES/inittab" "$work/root/etc/inittab"
    dpkg-query --admindir="$work/root/var/lib/dpkg" -W -f='${Package} ${Version}\n' >"$LAB_DIR/packages.txt"
}

# busybox and the few modules without which the root image cannot be mounted, in the order of their dependencies.
image_initrd() {
    local work=$1 version=$2 module
    mkdir -p "$work"/initrd/{bin,modules}
    cp "$work/root/bin/busybox" "$work/initrd/bin/"
    install -m 755 "$GUEST_FILES/init" "$work/initrd/init"
    chroot "$work/root" modprobe -S "$version" -a --show-depends squashfs overlay |
        awk '$1 == "insmod" && !seen[$2]++ { print $2 }' |
        while read -r module; do
            cp "$work/root$module" "$work/initrd/modules/"
            basename "$module"
        done >"$work/initrd/modules/order"
    (cd "$work/initrd" && find . | cpio -o -H newc --quiet) >"$IMAGE_INITRD.new"
}

image_build() (
    set -euo pipefail
    umask 022
    mkdir -p "$LAB_DIR"
    # Two checks at once on one machine share the cache.
    exec 9>"$LAB_DIR/lock"
    flock 9
    image_current && exit 0
    work=$(mktemp -d "$LAB_DIR/work.XXXXXX")
    trap 'rm -rf "$work" "$LAB_DIR"/*.new' EXIT
    say "lab: building the spokes' image in $LAB_DIR (about three minutes, once)"
    image_kernel "$work"
    image_userland "$work"
    version=$(ls "$work/uml/usr/lib/uml/modules")
    image_guest_files "$work" "$version"
    image_initrd "$work" "$version"
    # Not compressed: guests share the host's page cache and unpack nothing.
    mksquashfs "$work/root" "$IMAGE_ROOT.new" -noI -noD -noF -noX -no-progress -quiet -mem 256M >/dev/null
    for file in "$IMAGE_ROOT" "$IMAGE_KERNEL" "$IMAGE_INITRD"; do mv "$file.new" "$file"; done
    image_fingerprint >"$LAB_DIR/fingerprint"
    say "lab: image ready: kernel $version, $(grep '^frr ' "$LAB_DIR/packages.txt")"
)
