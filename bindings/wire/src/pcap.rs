//! Classic capture files, for tests and tools.
//!
//! ```text
//! draft-ietf-opsawg-pcap: file header (24)                 per packet (16)
//! | magic A1B2C3D4 µs, A1B23C4D ns |                       | seconds          |
//! | major 2 | minor 4              |                       | µs or ns         |
//! | 0, 0                           |                       | captured octets  |
//! | snap length                    |                       | octets on wire   |
//! | link type, FCS bits            |                       octets
//! ```
//!
//! Every field is in the writing machine's order, which the magic shows. [`Writer`] writes little endian, nanoseconds unless
//! somebody reads microseconds only.

/// Link type of Ethernet frames.
pub const LINK_ETHERNET: u32 = 1;
/// Link type of bare IP packets.
pub const LINK_RAW: u32 = 101;
/// Captured octets that a record may have: what tcpdump and Wireshark accept.
pub const MAX_SNAP: u32 = 262_144;

const MICRO: u32 = 0xa1b2_c3d4;
const NANO: u32 = 0xa1b2_3c4d;
const FILE_HEADER: usize = 24;
const RECORD_HEADER: usize = 16;

/// Why a file cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Ends within the file header.
    #[error("capture file shorter than its header")]
    Truncated,
    /// No known magic (a pcapng file has 0A0D0D0A).
    #[error("not a classic capture file")]
    Magic,
    /// Ends within a record.
    #[error("capture file ends within a packet")]
    Record,
    /// A record longer than any capture has.
    #[error("capture record longer than {MAX_SNAP} octets")]
    TooLong,
}

/// One packet of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Packet<'a> {
    /// Nanoseconds since the epoch.
    pub time_ns: u64,
    /// Octets it had on the wire, at least as many as were captured.
    pub wire_len: u32,
    /// Captured octets.
    pub data: &'a [u8],
}

/// A file in memory.
#[derive(Clone, Copy, Debug)]
pub struct Reader<'a> {
    records: &'a [u8],
    big_endian: bool,
    fraction_ns: u64,
    link: u32,
}

impl<'a> Reader<'a> {
    /// Reads the file header.
    pub fn new(file: &'a [u8]) -> Result<Self, Error> {
        let (header, records) = file.split_first_chunk::<FILE_HEADER>().ok_or(Error::Truncated)?;
        let mut reader = Self { records, big_endian: false, fraction_ns: 1000, link: 0 };
        let magic = reader.word(header, 0);
        let (big_endian, fraction_ns) = match (magic, magic.swap_bytes()) {
            (MICRO, _) => (false, 1000),
            (NANO, _) => (false, 1),
            (_, MICRO) => (true, 1000),
            (_, NANO) => (true, 1),
            _ => return Err(Error::Magic),
        };
        reader.big_endian = big_endian;
        reader.fraction_ns = fraction_ns;
        // The upper bits tell whether frames end in an FCS.
        reader.link = reader.word(header, 20) & 0x0fff_ffff;
        Ok(reader)
    }

    /// The link type: [`LINK_ETHERNET`], [`LINK_RAW`], or another.
    pub fn link(&self) -> u32 {
        self.link
    }

    /// The packets in the file's order; ends after the first error.
    pub fn packets(&self) -> Packets<'a> {
        Packets { reader: *self }
    }

    fn word(&self, data: &[u8], at: usize) -> u32 {
        let octets = data.get(at..).and_then(|rest| rest.first_chunk::<4>()).copied().unwrap_or_default();
        if self.big_endian { u32::from_be_bytes(octets) } else { u32::from_le_bytes(octets) }
    }
}

/// Iterator over [`Packet`]s.
#[derive(Clone, Debug)]
pub struct Packets<'a> {
    reader: Reader<'a>,
}

impl<'a> Packets<'a> {
    fn record(&self) -> Result<(Packet<'a>, &'a [u8]), Error> {
        let reader = &self.reader;
        let (header, rest) = reader.records.split_first_chunk::<RECORD_HEADER>().ok_or(Error::Record)?;
        let captured = reader.word(header, 8);
        if captured > MAX_SNAP {
            return Err(Error::TooLong);
        }
        let (data, rest) = rest.split_at_checked(captured as usize).ok_or(Error::Record)?;
        let time_ns = u64::from(reader.word(header, 0)) * 1_000_000_000
            + u64::from(reader.word(header, 4)) * reader.fraction_ns;
        Ok((Packet { time_ns, wire_len: reader.word(header, 12), data }, rest))
    }
}

impl<'a> Iterator for Packets<'a> {
    type Item = Result<Packet<'a>, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.reader.records.is_empty() {
            return None;
        }
        let (item, rest) = match self.record() {
            Ok((packet, rest)) => (Ok(packet), rest),
            Err(error) => (Err(error), &[][..]),
        };
        self.reader.records = rest;
        Some(item)
    }
}

/// Builds a file in memory.
#[derive(Clone, Debug)]
pub struct Writer {
    file: Vec<u8>,
    fraction_ns: u64,
}

impl Writer {
    /// A file without packets.
    pub fn new(link: u32) -> Self {
        Self::with(NANO, 1, link)
    }

    /// The same for programs that know the oldest magic only, as Pktgen-DPDK: times in microseconds.
    pub fn microseconds(link: u32) -> Self {
        Self::with(MICRO, 1000, link)
    }

    fn with(magic: u32, fraction_ns: u64, link: u32) -> Self {
        let mut file = Vec::with_capacity(4096);
        for word in [magic, 0x0004_0002, 0, 0, MAX_SNAP, link] {
            file.extend(word.to_le_bytes());
        }
        Self { file, fraction_ns }
    }

    /// Adds a packet, cut to [`MAX_SNAP`] octets.
    pub fn packet(&mut self, time_ns: u64, data: &[u8]) {
        let captured = data.len().min(MAX_SNAP as usize);
        let seconds = (time_ns / 1_000_000_000) as u32;
        let fraction = (time_ns % 1_000_000_000 / self.fraction_ns) as u32;
        let wire_len = u32::try_from(data.len()).unwrap_or(u32::MAX);
        for word in [seconds, fraction, captured as u32, wire_len] {
            self.file.extend(word.to_le_bytes());
        }
        self.file.extend(&data[..captured]);
    }

    /// The file's octets.
    pub fn finish(self) -> Vec<u8> {
        self.file
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn golden_both_byte_orders() {
        let little = include_bytes!("../testdata/NHRP_registration.pcap");
        let reader = Reader::new(little).unwrap();
        assert_eq!(reader.link(), LINK_ETHERNET);
        let packets: Vec<_> = reader.packets().map(Result::unwrap).collect();
        assert_eq!(packets.len(), 4);
        assert!(packets.iter().all(|packet| packet.wire_len as usize == packet.data.len()));

        // The same file as a big-endian machine would have written it.
        let mut big = little[..FILE_HEADER].to_vec();
        big[4..8].copy_from_slice(&[0, 2, 0, 4]);
        for word in [0..4, 8..12, 12..16, 16..20, 20..24] {
            big[word].reverse();
        }
        for packet in &packets {
            let seconds = (packet.time_ns / 1_000_000_000) as u32;
            let micros = (packet.time_ns % 1_000_000_000 / 1000) as u32;
            for word in [seconds, micros, packet.data.len() as u32, packet.wire_len] {
                big.extend(word.to_be_bytes());
            }
            big.extend(packet.data);
        }
        let again: Vec<_> = Reader::new(&big).unwrap().packets().map(Result::unwrap).collect();
        assert_eq!(again, packets);
    }

    #[test]
    fn microseconds_are_what_the_golden_file_has() {
        let golden = include_bytes!("../testdata/NHRP_registration.pcap");
        let mut writer = Writer::microseconds(LINK_ETHERNET);
        for packet in Reader::new(golden).unwrap().packets().map(Result::unwrap) {
            // What is finer is left out.
            writer.packet(packet.time_ns + 999, packet.data);
        }
        let file = writer.finish();
        assert_eq!(file[..4], golden[..4]);
        assert_eq!(file[FILE_HEADER..], golden[FILE_HEADER..]);
    }

    #[test]
    fn faults_have_names() {
        assert_eq!(Reader::new(&[0; 23]).unwrap_err(), Error::Truncated);
        assert_eq!(Reader::new(&[0; 24]).unwrap_err(), Error::Magic);
        let mut writer = Writer::new(LINK_RAW);
        writer.packet(1, b"abc");
        let file = writer.finish();
        for short in FILE_HEADER + 1..file.len() {
            let mut packets = Reader::new(&file[..short]).unwrap().packets();
            assert_eq!(packets.next(), Some(Err(Error::Record)));
            assert_eq!(packets.next(), None);
        }
        let mut long = file.clone();
        long[FILE_HEADER + 8..FILE_HEADER + 12].fill(0xff);
        assert_eq!(Reader::new(&long).unwrap().packets().next(), Some(Err(Error::TooLong)));
    }

    proptest! {
        #[test]
        fn round_trip(
            link in 0u32..300,
            packets in proptest::collection::vec((0u64..1 << 61, proptest::collection::vec(any::<u8>(), 0..90)), 0..9),
        ) {
            let mut writer = Writer::new(link);
            for (time, data) in &packets {
                writer.packet(*time, data);
            }
            let file = writer.finish();
            let reader = Reader::new(&file).unwrap();
            prop_assert_eq!(reader.link(), link);
            let read: Vec<_> = reader.packets().map(|p| p.map(|p| (p.time_ns, p.data.to_vec())).unwrap()).collect();
            prop_assert_eq!(read, packets);
        }

        #[test]
        fn any_octets_are_safe(mut data in proptest::collection::vec(any::<u8>(), 0..200), known: bool) {
            if known && data.len() >= 4 {
                data[..4].copy_from_slice(&MICRO.to_be_bytes());
            }
            if let Ok(reader) = Reader::new(&data) {
                prop_assert!(reader.packets().count() <= data.len());
            }
        }
    }
}
