//! Keeps the kernel's own stack off an interface whose frames a port takes through packet sockets.
//!
//! A packet socket gets copies: the kernel would go on to handle the same frames itself. The addresses are on the
//! port's twin but local all the same, so it would answer each ARP request and ping a second time, and each GRE
//! packet with ICMP protocol unreachable. With these settings it takes nothing on that interface.

use std::io;
use std::path::PathBuf;

/// The interface of `net_af_packet0,iface=eth1,…` and `net_af_xdp…`; `None` for any other device.
pub fn interface(device: &str) -> Option<&str> {
    let (driver, arguments) = device.split_once(',')?;
    if !driver.starts_with("net_af_packet") && !driver.starts_with("net_af_xdp") {
        return None;
    }
    arguments.split(',').find_map(|argument| argument.strip_prefix("iface="))
}

/// Silences the kernel's stack on `interface`.
pub fn silence(interface: &str) -> io::Result<()> {
    let settings = [
        // No route leads back out of it, so reverse path filtering refuses whatever arrives.
        ("ipv4", "rp_filter", "1"),
        // Answer no ARP request, and none but for addresses of the interface itself, which has none.
        ("ipv4", "arp_ignore", "8"),
        // No neighbour discovery, no addresses, no router solicitations.
        ("ipv6", "disable_ipv6", "1"),
    ];
    for (family, name, value) in settings {
        let path: PathBuf = ["/proc/sys/net", family, "conf", interface, name].iter().collect();
        match std::fs::write(&path, value) {
            // A kernel without IPv6.
            Err(error) if error.kind() == io::ErrorKind::NotFound && family == "ipv6" => {}
            other => other?,
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::interface;

    #[test]
    fn interfaces_of_packet_sockets() {
        assert_eq!(interface("net_af_packet0,iface=eth1,qpairs=2"), Some("eth1"));
        assert_eq!(interface("net_af_xdp0,start_queue=1,iface=eth1"), Some("eth1"));
        assert_eq!(interface("net_null0"), None);
        assert_eq!(interface("net_tap0,iface=x"), None);
        assert_eq!(interface("0000:03:00.0"), None);
    }
}
