# shellcheck shell=bash
# A QEMU machine with PCI NICs and an IOMMU, without KVM and without hardware: Debian's kernel over the spokes' root image.
# Commands are run in it as in any guest.

MACHINE_KERNEL=$LAB_DIR/machine/vmlinuz
MACHINE_INITRD=$LAB_DIR/machine/initrd.cpio
MACHINE_MODULES=$LAB_DIR/machine/modules
MACHINE_BOOT_SECONDS=${MACHINE_BOOT_SECONDS:-180}
# What the initrd loads to find its disk and the directory that it shares with the host, and what `modprobe` finds later:
# what the hub needs, and the kernel's own drivers of the NICs.
MACHINE_EARLY=(virtio_pci virtio_blk squashfs overlay 9pnet_virtio 9p)
MACHINE_LATE=(tun vfio-pci virtio_net e1000e)

machine_current() { [ -f "$LAB_DIR/machine/fingerprint" ] && [ "$(cat "$LAB_DIR/machine/fingerprint")" = "$(machine_fingerprint)" ]; }
machine_fingerprint() { cat "$LAB_DIR/fingerprint" "$ROOT/scripts/lab/lib/machine.sh" | sha256sum | cut -c1-16; }

# modules_of TREE VERSION MODULE...: their files, each behind those that it needs.
modules_of() {
    local tree=$1 version=$2
    shift 2
    modprobe -d "$tree" -S "$version" -a --show-depends "$@" | awk '$1 == "insmod" && !seen[$2]++ { print $2 }'
}

machine_build() (
    set -euo pipefail
    umask 022
    exec 9>"$LAB_DIR/lock"
    flock 9
    ! machine_current || exit 0
    work=$(mktemp -d "$LAB_DIR/work.XXXXXX")
    trap 'rm -rf "$work"' EXIT
    say "lab: unpacking a kernel for the PCI machine"
    package=$(apt-cache depends linux-image-amd64 | awk '/Depends: linux-image-/ { print $2; exit }')
    (cd "$work" && apt-get -qq -o APT::Sandbox::User=root download "$package")
    dpkg -x "$work"/linux-image-*.deb "$work/kernel"
    version=$(ls "$work/kernel/lib/modules")
    depmod -b "$work/kernel" "$version"
    rm -rf "$LAB_DIR/machine"
    mkdir -p "$MACHINE_MODULES" "$work"/initrd/{bin,modules}
    cp "$work"/kernel/boot/vmlinuz-* "$MACHINE_KERNEL"
    # A tree of these alone, as modprobe wants it.
    modules_of "$work/kernel" "$version" "${MACHINE_LATE[@]}" | while read -r module; do
        install -D -m 644 "$module" "$MACHINE_MODULES/${module#"$work/kernel/"}"
    done
    cp "$work/kernel/lib/modules/$version"/modules.{order,builtin,builtin.modinfo} "$MACHINE_MODULES/lib/modules/$version/"
    depmod -b "$MACHINE_MODULES" "$version"
    unsquashfs -q -n -d "$work/root" "$IMAGE_ROOT" bin/busybox usr/bin/busybox >/dev/null
    cp "$(find "$work/root" -type f -name busybox | head -1)" "$work/initrd/bin/"
    install -m 755 "$GUEST_FILES/init" "$work/initrd/init"
    modules_of "$work/kernel" "$version" "${MACHINE_EARLY[@]}" | while read -r module; do
        cp "$module" "$work/initrd/modules/"
        basename "$module"
    done >"$work/initrd/modules/order"
    (cd "$work/initrd" && find . | cpio -o -H newc --quiet) >"$MACHINE_INITRD"
    machine_fingerprint >"$LAB_DIR/machine/fingerprint"
)

# machine_nic NAME [multi_queue]: a TAP, the wire of one NIC.
machine_nic() { ip -n "$NET_ID-inet" tuntap add dev "$1" mode tap ${2:+"$2"}; }

# What a wire carries is finished: no offloads. Two queues have two interrupts each, and two more.
VIRTIO_NIC=virtio-net-pci,mq=on,vectors=6,rss=on,hash=on,csum=off,gso=off,guest_csum=off,guest_tso4=off,guest_tso6=off,guest_ecn=off,guest_ufo=off,host_tso4=off,host_tso6=off,host_ecn=off,host_ufo=off,iommu_platform=on,disable-legacy=on

# machine_start NAME KERNEL-WORDS NIC...: boot it. A NIC is BUS.FUNCTION=MODEL:TAP, with a virtio NIC of two queues or an
# e1000e of one at 0000:BUS:00.FUNCTION. Buses 1 to 4 are each behind a port of the root complex. guest_wait follows.
machine_start() {
    local name=$1 words=$2 dir bus nic place model tap options=()
    shift 2
    dir=$(guest_dir "$name")
    mkdir -p "$dir/share"
    cp -r "$MACHINE_MODULES" "$dir/share/modules"
    # Firmware counts buses in the order in which it finds them.
    for bus in 1 2 3 4; do options+=(-device "pcie-root-port,id=bus$bus,chassis=$bus,addr=0x1$bus"); done
    for nic; do
        place=${nic%%=*} model=${nic#*=} tap=${nic#*:}
        case ${model%:*} in
        virtio) options+=(-netdev "tap,id=$tap,ifname=$tap,script=no,downscript=no,queues=2") model=$VIRTIO_NIC ;;
        *) options+=(-netdev "tap,id=$tap,ifname=$tap,script=no,downscript=no") model=${model%:*} ;;
        esac
        options+=(-device "$model,netdev=$tap,mac=52:54:00:00:0${place%.*}:0${place#*.},bus=bus${place%.*},addr=0.${place#*.},multifunction=on")
    done
    in_ns_exec inet setsid qemu-system-x86_64 -M q35 -device intel-iommu,intremap=on -accel tcg,thread=multi,tb-size=96 \
        -cpu max,la57=off -smp 4 -m 4096 -nodefaults -no-user-config -display none -no-reboot \
        -kernel "$MACHINE_KERNEL" -initrd "$MACHINE_INITRD" \
        -append "console=ttyS0 quiet panic=-1 mitigations=off nokaslr random.trust_cpu=on lab.machine=qemu lab.name=$name $words" \
        -drive "if=none,id=root,file=$IMAGE_ROOT,format=raw,readonly=on,file.locking=off" -device virtio-blk-pci,drive=root,addr=0x4 \
        -virtfs "local,path=$dir/share,mount_tag=host,security_model=none,multidevs=remap" \
        -monitor "unix:$dir/monitor,server=on,wait=off" -serial stdio \
        "${options[@]}" </dev/null >"$dir/console.log" 2>&1 &
    echo $! >"$dir/pid"
    disown
}

# machine_debian NAME: what a Debian has when it is up, and this guest's root image lacks: its kernel's modules, the
# drivers of NICs loaded, and hugetlbfs.
machine_debian() {
    # shellcheck disable=SC2016  # the guest's variable
    guest "$1" 'set -e
        mkdir -p /dev/hugepages
        mount -t hugetlbfs none /dev/hugepages
        cp -r /host/modules/lib/modules/* /lib/modules/
        modprobe -a virtio_net e1000e tun'
}

machine_monitor() { printf '%s\n' "$2" | timeout 20 python3 -c '
import socket, sys
monitor = socket.socket(socket.AF_UNIX)
monitor.connect(sys.argv[1])
# Who hangs up before the next prompt takes back what was not carried out yet.
def prompt():
    said = b""
    while not said.endswith(b"\n(qemu) "):
        said += monitor.recv(4096) or sys.exit("the monitor hung up")
prompt()
monitor.sendall(sys.stdin.read().encode())
prompt()' "$(guest_dir "$1")/monitor"; }
