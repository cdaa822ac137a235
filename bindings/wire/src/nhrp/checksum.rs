//! The checksum over a whole packet (RFC 2332 5.1): the Internet checksum.

use crate::checksum::{add, sum};

/// Which checksums are accepted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ChecksumRule {
    /// As RFC 1071 has it: a last odd octet is followed by a zero octet.
    #[default]
    Strict,
    /// Also with the zero octet **before** the last odd one, as FRR (before June 2026) and OpenNHRP compute it on
    /// little-endian machines.
    AcceptLegacyOdd,
}

/// Whether a packet with its checksum in place sums up to all ones.
pub(super) fn verify(packet: &[u8], rule: ChecksumRule) -> bool {
    if sum(packet) == 0xffff {
        return true;
    }
    match packet.split_last() {
        Some((last, even)) if packet.len() % 2 == 1 && rule == ChecksumRule::AcceptLegacyOdd => {
            add(sum(even), u16::from(*last)) == 0xffff
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn odd_octet_is_the_high_half() {
        assert!(verify(&[0xed, 0xff, 0x12], ChecksumRule::Strict));
        assert!(!verify(&[0xff, 0xed, 0x12], ChecksumRule::Strict));
        assert!(verify(&[0xff, 0xed, 0x12], ChecksumRule::AcceptLegacyOdd));
        assert!(verify(&[0xed, 0xff, 0x12], ChecksumRule::AcceptLegacyOdd));
    }

    #[test]
    fn legacy_rule_does_not_touch_even_lengths() {
        assert!(!verify(&[0xff, 0xed, 0x12, 0x00], ChecksumRule::AcceptLegacyOdd));
    }

    #[test]
    fn zeros_are_no_checksum() {
        assert!(!verify(&[0; 28], ChecksumRule::AcceptLegacyOdd));
    }
}
