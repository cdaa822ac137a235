//! Links: next hops on ports with their ready-made Ethernet header.
//!
//! | word | content |
//! |---|---|
//! | 0 | sequence number 32, port 8, header length 8 (0: not resolved), IP MTU of the port 16 |
//! | 1-3 | Ethernet header in wire order with EtherType IPv4, 14 or 18 octets |

use crate::seqlock::{Draft, SeqLock};
use crate::settings::PortSettings;
use crate::zeroed::zeroed;
use shm::message::{LinkId, MAX_LINKS, PortId};

/// Octets of an Ethernet header, and of one with a VLAN tag.
pub(crate) const PLAIN: usize = 14;
/// See [`PLAIN`].
pub(crate) const TAGGED: usize = 18;

/// Octets that [`Link::header`] gives, padding among them.
pub(crate) const ROOM: usize = 24;

/// The links of all ports. Written by the updater, read by all workers.
#[derive(Debug)]
pub(crate) struct Links {
    lines: Box<[SeqLock<4>]>,
    draft: Draft<4>,
}

/// A resolved link as read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Link([u64; 4]);

impl Links {
    /// No links. `None`: no memory.
    pub(crate) fn new() -> Option<Self> {
        Some(Self { lines: zeroed(MAX_LINKS)?, draft: Draft::default() })
    }

    /// The link, if it is known and resolved.
    #[inline(always)]
    pub(crate) fn read(&self, link: LinkId) -> Option<Link> {
        let link = Link(self.lines.get(usize::from(link))?.read(&self.draft)?);
        (link.header_len() != 0).then_some(link)
    }

    /// Updater: sets the link, or takes it away.
    pub(crate) fn write(&self, id: LinkId, link: Option<&Link>) {
        if let Some(line) = self.lines.get(usize::from(id)) {
            line.write(&self.draft, link.map_or(&[0; 4], |link| &link.0));
        }
    }
}

impl Link {
    /// Out of a port to a MAC address.
    pub(crate) fn new(port: PortId, settings: &PortSettings, mac: [u8; 6]) -> Self {
        let mut header = [0; ROOM];
        header[..6].copy_from_slice(&mac);
        header[6..12].copy_from_slice(&settings.mac);
        let len = match settings.vlan {
            Some(vlan) => {
                header[12..14].copy_from_slice(&[0x81, 0x00]);
                header[14..16].copy_from_slice(&vlan.to_be_bytes());
                TAGGED
            }
            None => PLAIN,
        };
        header[len - 2..len].copy_from_slice(&[0x08, 0x00]);
        let mut words = [0; 4];
        words[0] = u64::from(port) << 32 | (len as u64) << 40 | u64::from(settings.mtu) << 48;
        for (word, octets) in words[1..].iter_mut().zip(header.as_chunks::<8>().0) {
            *word = u64::from_le_bytes(*octets);
        }
        Self(words)
    }

    /// The port.
    #[inline(always)]
    pub(crate) fn port(&self) -> PortId {
        (self.0[0] >> 32) as u8
    }
    /// [`PLAIN`] or [`TAGGED`]; 0: not resolved.
    #[inline(always)]
    pub(crate) fn header_len(&self) -> usize {
        (self.0[0] >> 40) as u8 as usize
    }
    /// Largest IP packet that the port takes, in octets.
    #[inline(always)]
    pub(crate) fn mtu(&self) -> u16 {
        (self.0[0] >> 48) as u16
    }
    /// The header and padding behind it.
    #[inline(always)]
    pub(crate) fn header(&self) -> [u8; ROOM] {
        let mut header = [0; ROOM];
        header[..8].copy_from_slice(&self.0[1].to_le_bytes());
        header[8..16].copy_from_slice(&self.0[2].to_le_bytes());
        header[16..].copy_from_slice(&self.0[3].to_le_bytes());
        header
    }
}
