//! Arguments of devices that follow from the configuration, and what usually is wrong with them.

/// Whether a device string is a PCI address, with or without domain: EAL has to be told of those.
pub fn is_pci(device: &str) -> bool {
    let address = device.split(',').next().unwrap_or_default();
    address.contains(':') && address.bytes().all(|c| c.is_ascii_hexdigit() || matches!(c, b':' | b'.'))
}

/// What to look at when a device cannot be opened.
pub(crate) fn hint(device: &str) -> &'static str {
    if device.starts_with("net_af_packet") || device.starts_with("net_af_xdp") {
        "Does the interface exist, and may this user open packet sockets and lock memory for their rings (`ulimit -l`)?"
    } else if device.starts_with("net_") {
        "Are its arguments right, and is its driver installed? See the lines above."
    } else {
        "Is it bound to vfio-pci (`dpdk-devbind.py -s`)? See the lines above."
    }
}

/// What a packet ring's frame holds beside the IP packet: the kernel's header with its padding (66 octets), Ethernet
/// header, tag. Pools count as much, since the driver wants its buffers not to be smaller than the ring's frames.
pub(crate) const RING_OVERHEAD: usize = 96;
/// Frames of a packet ring when nothing is said, in octets.
const RING_FRAME: usize = 2048;
/// Frames longer than that are sized in steps of this, as buffers are.
const RING_STEP: usize = 1024;
/// What the kernel aligns blocks of frames to.
const PAGE: usize = 4096;

/// Adds to a packet socket's arguments what follows from the configuration, unless it is there: a queue for each
/// worker, and frames as long as the MTU asks for.
pub(crate) fn complete(device: &str, workers: u16, mtu: u16) -> String {
    let mut arguments = device.to_owned();
    let mut add = |name: &str, value: usize| {
        if !device.contains(&format!(",{name}=")) {
            arguments += &format!(",{name}={value}");
        }
    };
    if device.starts_with("net_af_packet") {
        if workers > 1 {
            add("qpairs", workers.into());
        }
        let frame = (usize::from(mtu) + RING_OVERHEAD).next_multiple_of(RING_STEP);
        if frame > RING_FRAME {
            add("framesz", frame);
            // The driver takes frames to follow each other without a gap, across blocks too.
            let block = (1..=PAGE / RING_STEP).map(|count| count * frame).find(|block| block % PAGE == 0);
            add("blocksz", block.unwrap_or(frame));
        }
    } else if device.starts_with("net_af_xdp") && workers > 1 {
        add("queue_count", workers.into());
    }
    arguments
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_of_packet_sockets_follow_the_configuration() {
        let cases = [
            ("net_af_packet0,iface=x", 1, 1500, "net_af_packet0,iface=x"),
            ("net_af_packet0,iface=x", 2, 1500, "net_af_packet0,iface=x,qpairs=2"),
            ("net_af_packet0,iface=x,qpairs=1", 2, 1500, "net_af_packet0,iface=x,qpairs=1"),
            ("net_af_packet0,iface=x", 1, 2000, "net_af_packet0,iface=x,framesz=3072,blocksz=12288"),
            ("net_af_packet0,iface=x", 1, 9216, "net_af_packet0,iface=x,framesz=10240,blocksz=20480"),
            ("net_af_xdp0,iface=x", 4, 1500, "net_af_xdp0,iface=x,queue_count=4"),
            ("0000:03:00.0", 4, 9000, "0000:03:00.0"),
        ];
        for (device, workers, mtu, expected) in cases {
            assert_eq!(complete(device, workers, mtu), expected);
        }
    }

    #[test]
    fn pci_addresses_are_told_from_virtual_devices() {
        for device in ["0000:03:00.0", "03:00.0", "0000:81:00.1,rxq_pkt_pad_en=1"] {
            assert!(is_pci(device), "{device}");
        }
        for device in ["net_null0", "net_af_packet0,iface=a:b", "net_pcap0,rx_pcap=/a:b.pcap"] {
            assert!(!is_pci(device), "{device}");
        }
    }
}
