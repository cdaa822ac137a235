//! Traffic class across the tunnel.
//!
//! DSCP (RFC 2983): copied to the outer header on the way in, the outer one ignored on the way out (pipe), so what the
//! underlay did to it stays in the underlay. ECN (RFC 6040): normal mode on the way in, the table of section 4.2 on
//! the way out, so that congestion marks of the underlay reach the endpoints. Drops: `ecn_invalid`.

use wire::ip4::Header;

/// Congestion experienced (RFC 3168 5).
pub const CE: u8 = 3;

/// Outer TOS octet for an inner one: DSCP copied, ECN copied (RFC 6040 4.1 normal mode).
#[inline(always)]
pub fn outer_tos(inner_tos: u8) -> u8 {
    inner_tos
}

/// Result of decapsulation by `inner << 2 | outer` (RFC 6040 figure 4); [`INVALID`]: drop.
const INNER_AFTER: [u8; 16] = [
    // outer: Not-ECT, ECT(1), ECT(0), CE
    0, 0, 0, INVALID, // inner Not-ECT
    1, 1, 1, 3, // inner ECT(1)
    2, 1, 2, 3, // inner ECT(0)
    3, 3, 3, 3, // inner CE
];
const INVALID: u8 = 4;

/// The inner ECN field after decapsulation. `None`: a router marked congestion on a packet whose endpoints do not
/// react to marks, so it must be dropped instead (RFC 6040 4.2).
#[inline(always)]
pub fn decapsulated(inner: u8, outer: u8) -> Option<u8> {
    let after = INNER_AFTER[usize::from((inner & 3) << 2 | outer & 3)];
    (after != INVALID).then_some(after)
}

/// Applies [`decapsulated`] to the inner header; `outer_tos` is the TOS octet the packet arrived in. `None`: drop as
/// `ecn_invalid`.
#[inline(always)]
pub fn decapsulate(inner: &mut Header, outer_tos: u8) -> Option<()> {
    // An unmarked outer header changes nothing, which is nearly every packet.
    if outer_tos & 3 == 0 {
        return Some(());
    }
    let after = decapsulated(inner.ecn(), outer_tos)?;
    if after != inner.ecn() {
        inner.set_ecn(after);
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use wire::ip4;

    /// The rows of RFC 6040 figure 4, by name.
    #[test]
    fn rfc6040_table() {
        const NOT: u8 = 0b00;
        const ECT1: u8 = 0b01;
        const ECT0: u8 = 0b10;
        let table = [
            (NOT, [(NOT, Some(NOT)), (ECT0, Some(NOT)), (ECT1, Some(NOT)), (CE, None)]),
            (ECT0, [(NOT, Some(ECT0)), (ECT0, Some(ECT0)), (ECT1, Some(ECT1)), (CE, Some(CE))]),
            (ECT1, [(NOT, Some(ECT1)), (ECT0, Some(ECT1)), (ECT1, Some(ECT1)), (CE, Some(CE))]),
            (CE, [(NOT, Some(CE)), (ECT0, Some(CE)), (ECT1, Some(CE)), (CE, Some(CE))]),
        ];
        for (inner, row) in table {
            for (outer, after) in row {
                assert_eq!(decapsulated(inner, outer), after, "inner {inner} outer {outer}");
            }
        }
    }

    #[test]
    fn dscp_is_a_pipe_and_the_checksum_holds() {
        for inner_tos in 0..=255u8 {
            for outer_tos in 0..=255u8 {
                let fields = ip4::Fields {
                    tos: inner_tos,
                    total_len: 20,
                    id: 7,
                    flags_offset: 0,
                    ttl: 3,
                    protocol: 17,
                    source: [10, 0, 0, 1].into(),
                    destination: [10, 0, 0, 2].into(),
                };
                let mut octets = [0; 20];
                fields.emit(&mut octets).unwrap();
                let kept = decapsulate(Header::of_mut(&mut octets).unwrap(), outer_tos);
                assert_eq!(kept.is_some(), decapsulated(inner_tos & 3, outer_tos & 3).is_some());
                let after = ip4::parse(&octets).unwrap();
                assert_eq!(after.dscp(), inner_tos >> 2);
                let ecn = decapsulated(inner_tos & 3, outer_tos & 3).unwrap_or(inner_tos & 3);
                assert_eq!(after.ecn(), ecn);
            }
        }
    }
}
