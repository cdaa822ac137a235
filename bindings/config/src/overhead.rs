//! How much fits into a tunnel.

use crate::proposal::{Cipher, Integrity, Proposal};

/// Octets of an IPv4 header, of GRE's (RFC 2784 2.1), of its key (RFC 2890 2), of UDP's, and of SPI with sequence number.
const IP: u16 = 20;
const GRE: u16 = 4;
const KEY: u16 = 4;
const UDP: u16 = 8;
const ESP: u16 = 8;
/// Pad length and next header.
const TRAILER: u16 = 2;

/// How GRE packets are wrapped.
#[derive(Clone, Copy)]
pub(crate) struct Wrapping<'a> {
    pub(crate) proposal: &'a Proposal,
    pub(crate) tunnel_mode: bool,
    pub(crate) udp: bool,
}

/// Largest inner packet that a GRE packet within `mtu` carries in the clear.
pub(crate) fn clear(mtu: u16, key: bool) -> u16 {
    mtu.saturating_sub(IP + GRE + if key { KEY } else { 0 })
}

/// Largest inner packet that a protected packet within `mtu` carries.
pub(crate) fn protected(mtu: u16, key: bool, wrapping: Wrapping) -> u16 {
    let (iv, block) = match wrapping.proposal.cipher {
        Cipher::Gcm => (8, 4),
        Cipher::Cbc => (16, 16),
    };
    let icv = wrapping.proposal.integrity.iter().map(|integrity| match integrity {
        Integrity::Sha1 => 12,
        Integrity::Sha256 => 16,
        Integrity::Sha384 => 24,
        Integrity::Sha512 => 32,
    });
    // Of several the spoke chooses.
    let icv = icv.max().unwrap_or(16);
    let udp = if wrapping.udp { UDP } else { 0 };
    let sealed = mtu.saturating_sub(IP + udp + ESP + iv + icv) / block * block;
    let inner_header = if wrapping.tunnel_mode { IP } else { 0 };
    sealed.saturating_sub(TRAILER + inner_header + GRE + if key { KEY } else { 0 })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proposal::{For, parse};

    #[test]
    fn what_fits_into_an_ethernet_frame() {
        let rows = [
            ("aes128gcm16", false, [1442, 1434, 1438, 1430]),
            ("aes128gcm16", true, [1422, 1414, 1418, 1410]),
            ("aes256-sha256", false, [1434, 1418, 1430, 1414]),
            ("aes256-sha256", true, [1414, 1398, 1410, 1394]),
            ("aes256-sha1", true, [1414, 1398, 1410, 1394]),
        ];
        for (text, tunnel_mode, fits) in rows {
            let proposal = &parse(text, For::Esp).unwrap();
            let fit = |key, udp| protected(1500, key, Wrapping { proposal, tunnel_mode, udp });
            assert_eq!(
                [fit(false, false), fit(false, true), fit(true, false), fit(true, true)],
                fits,
                "{text}"
            );
        }
        assert_eq!((clear(1500, false), clear(1500, true)), (1476, 1472));
        let proposal = &parse("aes256-sha512", For::Esp).unwrap();
        assert_eq!(protected(20, true, Wrapping { proposal, tunnel_mode: true, udp: true }), 0);
    }
}
