//! FRR's Forwarding Plane Manager protocol: the frames in which zebra sends routes over TCP.
//!
//! ```text
//! FRR fpm/fpm.h
//! +---------------+---------------+-------------------------------+
//! | version (1)   | type          | length, header included       |
//! +---------------+---------------+-------------------------------+
//! | netlink messages (type 1), in the order of the sender's machine
//! ```

/// Octets of the header.
pub const LEN: usize = 4;
/// Version.
pub const VERSION: u8 = 1;
/// Type of frames that carry netlink messages; 2 is Protocol Buffers.
pub const TYPE_NETLINK: u8 = 1;
/// TCP port on which routes are expected.
pub const PORT: u16 = 2620;

/// Why octets are no frame that can be read. Where the next one begins is then unknown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Version other than 1.
    #[error("FPM version is not 1")]
    Version,
    /// Not netlink.
    #[error("FPM frame carries no netlink messages")]
    Type,
    /// Shorter than its own header.
    #[error("FPM frame shorter than its header")]
    Length,
}

/// What the first frame carries, and how many octets it takes; `None`: it is not complete yet.
pub fn parse(data: &[u8]) -> Result<Option<(&[u8], usize)>, Error> {
    let Some(&[version, kind, a, b]) = data.first_chunk::<LEN>() else { return Ok(None) };
    let len = usize::from(u16::from_be_bytes([a, b]));
    match (version, kind) {
        (VERSION, TYPE_NETLINK) if len < LEN => Err(Error::Length),
        (VERSION, TYPE_NETLINK) => Ok(data.get(LEN..len).map(|payload| (payload, len))),
        (VERSION, _) => Err(Error::Type),
        _ => Err(Error::Version),
    }
}

/// The header of a frame that carries so many octets of netlink; `None`: more than a frame can.
pub fn emit(payload_len: usize) -> Option<[u8; LEN]> {
    let [a, b] = u16::try_from(payload_len.checked_add(LEN)?).ok()?.to_be_bytes();
    Some([VERSION, TYPE_NETLINK, a, b])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_is_taken_when_it_is_whole() {
        let golden = [1, 1, 0, 7, 0xaa, 0xbb, 0xcc, 1];
        for len in 0..7 {
            assert_eq!(parse(&golden[..len]), Ok(None));
        }
        assert_eq!(parse(&golden), Ok(Some((&golden[4..7], 7))));
        assert_eq!(emit(3), Some([1, 1, 0, 7]));
        assert_eq!((emit(65_531), emit(65_532)), (Some([1, 1, 0xff, 0xff]), None));
    }

    #[test]
    fn what_else_talks_to_the_port_is_refused() {
        assert_eq!(parse(&[2, 1, 0, 4]), Err(Error::Version));
        assert_eq!(parse(&[1, 2, 0, 4]), Err(Error::Type));
        assert_eq!(parse(&[1, 1, 0, 3]), Err(Error::Length));
        assert_eq!(parse(b"GET / HTTP/1.1\r\n"), Err(Error::Version));
    }
}
