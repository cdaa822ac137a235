//! The Internet checksum.
//!
//! ```text
//! RFC 1071: the 16-bit ones' complement of the ones' complement sum of all 16-bit words, the field itself taken
//! as zero. An odd last octet counts as the high half of a word whose low half is zero.
//! RFC 1624 eqn. 3: when a word m becomes m', HC' = ~(~HC + ~m + m').
//! ```
//!
//! The sum does not depend on byte order (RFC 1071 2B), so words are added as the machine loads them and only the
//! result is turned. It is 2^16-1 periodic, so that four octets may be added at a time.

/// Ones' complement sum of some octets, not complemented, in host order. Sums of parts that start at even offsets
/// are joined with [`add`].
#[inline(always)]
pub fn sum(data: &[u8]) -> u16 {
    let (long, short) = if data.len() < LONG { (0, data) } else { sum_blocks(data) };
    let mut total = long;
    let (words, tail) = short.as_chunks::<4>();
    for word in words {
        total += u64::from(u32::from_ne_bytes(*word));
    }
    total += match *tail {
        [a] => u64::from(u16::from_ne_bytes([a, 0])),
        [a, b] => u64::from(u16::from_ne_bytes([a, b])),
        [a, b, c] => u64::from(u32::from_ne_bytes([a, b, c, 0])),
        _ => 0,
    };
    u16::from_be(fold(total))
}

/// From this many octets on it pays to sum blocks.
const LONG: usize = 64;

/// Sum of all whole blocks, folded to little more than 32 bits, and what is left over.
fn sum_blocks(data: &[u8]) -> (u64, &[u8]) {
    // Eight independent lanes, which the compiler turns into vector adds. A lane takes less than 2^32 of every 32
    // octets, so it does not overflow below 2^37 of them.
    let mut lanes = [0u64; 8];
    let (blocks, rest) = data.as_chunks::<32>();
    for block in blocks {
        let (words, _) = block.as_chunks::<4>();
        for (lane, word) in lanes.iter_mut().zip(words) {
            *lane += u64::from(u32::from_ne_bytes(*word));
        }
    }
    (lanes.iter().map(|lane| (lane & 0xffff_ffff) + (lane >> 32)).sum(), rest)
}

/// Ones' complement sum of the ten words of an option-less IPv4 header; as [`sum`] but without a loop.
#[inline(always)]
pub fn sum20(header: &[u8; 20]) -> u16 {
    let &[a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r, s, t] = header;
    let (front, carry) = u64::from_ne_bytes([a, b, c, d, e, f, g, h])
        .overflowing_add(u64::from_ne_bytes([i, j, k, l, m, n, o, p]));
    let rest = u64::from(u32::from_ne_bytes([q, r, s, t])) + u64::from(carry);
    let (total, carry) = front.overflowing_add(rest);
    u16::from_be(fold(total + u64::from(carry)))
}

/// Joins two sums.
#[inline(always)]
pub fn add(a: u16, b: u16) -> u16 {
    let (sum, carry) = a.overflowing_add(b);
    sum + u16::from(carry)
}

/// The checksum field's value for octets whose own checksum field is zero (or not among them).
#[inline(always)]
pub fn checksum(data: &[u8]) -> u16 {
    !sum(data)
}

/// Whether octets that contain their checksum add up.
#[inline(always)]
pub fn verify(data: &[u8]) -> bool {
    sum(data) == 0xffff
}

/// The checksum after one of the words it covers changed from `old` to `new` (RFC 1624 eqn. 3).
#[inline(always)]
pub fn update16(checksum: u16, old: u16, new: u16) -> u16 {
    !add(add(!checksum, !old), new)
}

/// The checksum after two adjacent words it covers changed from `old` to `new`.
#[inline(always)]
pub fn update32(checksum: u16, old: u32, new: u32) -> u16 {
    let total = u64::from(!checksum) + u64::from(!old) + u64::from(new);
    !fold(total)
}

/// The pseudo header of UDP and TCP over IPv4 (RFC 768, RFC 9293 3.1), as a sum; `length` in octets.
#[inline(always)]
pub fn pseudo(
    source: core::net::Ipv4Addr,
    destination: core::net::Ipv4Addr,
    protocol: u8,
    length: u16,
) -> u16 {
    let total = u64::from(source.to_bits())
        + u64::from(destination.to_bits())
        + u64::from(protocol)
        + u64::from(length);
    fold(total)
}

/// Adds the carries back in until 16 bits remain. A number and itself with its halves exchanged add up to the halves'
/// sum in both halves, and the carry of the lower is added to the upper.
#[inline(always)]
fn fold(total: u64) -> u16 {
    let total = (total.wrapping_add(total.rotate_left(32)) >> 32) as u32;
    (total.wrapping_add(total.rotate_left(16)) >> 16) as u16
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Word by word in network order, as RFC 1071 puts it.
    fn oracle(data: &[u8]) -> u16 {
        let mut total = 0u32;
        for pair in data.chunks(2) {
            total += u32::from(u16::from_be_bytes([pair[0], *pair.get(1).unwrap_or(&0)]));
            total = (total & 0xffff) + (total >> 16);
        }
        total as u16
    }

    #[test]
    fn rfc1071_example() {
        let data = [0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7];
        assert_eq!(sum(&data), 0xddf2);
        assert_eq!(checksum(&data), 0x220d);
    }

    /// RFC 1624 section 4: the case that RFC 1141's formula got wrong.
    #[test]
    fn rfc1624_example() {
        assert_eq!(update16(0xdd2f, 0x5555, 0x3285), 0x0000);
    }

    #[test]
    fn an_odd_tail_is_the_high_half() {
        assert_eq!(sum(&[0x12]), 0x1200);
        assert_eq!(sum(&[0, 1, 0x12]), 0x1201);
        assert_eq!(sum(&[]), 0);
    }

    #[test]
    fn all_ones_do_not_overflow() {
        assert_eq!(sum(&[0xff; 65_535]), oracle(&[0xff; 65_535]));
    }

    proptest! {
        #[test]
        fn sum_is_the_oracle(data in proptest::collection::vec(any::<u8>(), 0..2000)) {
            prop_assert_eq!(sum(&data), oracle(&data));
        }

        #[test]
        fn sum20_is_sum(data in any::<[u8; 20]>()) {
            prop_assert_eq!(sum20(&data), sum(&data));
        }

        #[test]
        fn parts_join(data in proptest::collection::vec(any::<u8>(), 0..200), cut in 0usize..100) {
            let (a, b) = data.split_at((cut * 2).min(data.len() & !1));
            prop_assert_eq!(add(sum(a), sum(b)), sum(&data));
        }

        #[test]
        fn an_updated_checksum_still_verifies(mut data in any::<[u8; 20]>(), at in prop::sample::select(vec![0usize, 1, 3, 4]), new in any::<u32>()) {
            data[10..12].fill(0);
            let old_check = checksum(&data);
            // Not the words that hold the checksum itself.
            let field = at * 4..at * 4 + 4;
            let old = u32::from_be_bytes(data[field.clone()].try_into().unwrap());
            data[field].copy_from_slice(&new.to_be_bytes());
            let check = update32(old_check, old, new);
            let high = update16(old_check, (old >> 16) as u16, (new >> 16) as u16);
            prop_assert_eq!(update16(high, old as u16, new as u16), check);
            data[10..12].copy_from_slice(&check.to_be_bytes());
            prop_assert!(verify(&data) || data == [0; 20]);
        }
    }
}
