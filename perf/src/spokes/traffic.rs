//! Numbered packets between spokes, so that every loss and every double shows.

use super::plan::Identity;
use serde::Serialize;
use wire::{ip4, udp};

/// Marks our packets.
const MAGIC: [u8; 8] = *b"HUB-PERF";
/// UDP port of both ends.
const PORT: u16 = 47_000;
/// Octets of IP and UDP header, magic, sender and number.
const LEAST: usize = ip4::LEN + udp::LEN + 8 + 4 + 8;

/// Counts of all spokes together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// Packets sent.
    pub sent: u64,
    /// Different packets received.
    pub received: u64,
    /// Sent and not received so far.
    pub lost: u64,
    /// Received again.
    pub duplicated: u64,
    /// Received after a later one of the same sender.
    pub reordered: u64,
    /// Received by a spoke they were not sent to, or never sent.
    pub foreign: u64,
}

/// What one spoke sent, and which of it arrived.
#[derive(Clone, Debug, Default)]
struct Flow {
    sent: u64,
    highest: u64,
    seen: Vec<u64>,
}

/// The numbered packets of all spokes. Each spoke sends to one other, half-way around.
#[derive(Clone, Debug)]
pub struct Traffic {
    flows: Vec<Flow>,
    next: usize,
    size: usize,
    counts: Counts,
}

impl Traffic {
    /// For `spokes` spokes and packets of `size` octets of inner IP.
    pub fn new(spokes: usize, size: u16) -> Self {
        let size = usize::from(size).max(LEAST);
        Self { flows: vec![Flow::default(); spokes], next: 0, size, counts: Counts::default() }
    }

    /// The spoke whose turn it is.
    pub fn turn(&self) -> usize {
        self.next
    }

    /// To whom a spoke sends.
    pub fn partner(&self, spoke: usize) -> usize {
        let spokes = self.flows.len();
        (spoke + (spokes / 2).max(1)) % spokes.max(1)
    }

    /// Writes the next packet of the spoke whose turn it is.
    pub fn write(&self, from: &Identity, to: &Identity, out: &mut Vec<u8>) -> Option<()> {
        let number = self.flows.get(self.next)?.sent;
        out.clear();
        out.resize(self.size, 0);
        let fields = ip4::Fields {
            tos: 0,
            total_len: u16::try_from(self.size).ok()?,
            id: number as u16,
            flags_offset: ip4::FLAG_DF,
            ttl: 64,
            protocol: ip4::protocol::UDP,
            source: from.tunnel,
            destination: to.tunnel,
        };
        fields.emit(out)?;
        let datagram = out.get_mut(ip4::LEN..)?;
        let (magic, rest) = datagram.get_mut(udp::LEN..)?.split_first_chunk_mut::<8>()?;
        *magic = MAGIC;
        let (sender, rest) = rest.split_first_chunk_mut::<4>()?;
        *sender = from.index.to_be_bytes();
        *rest.first_chunk_mut::<8>()? = number.to_be_bytes();
        udp::emit(datagram, PORT, PORT, from.tunnel, to.tunnel)
    }

    /// Counts the packet just written as sent, or not, and passes the turn on.
    pub fn written(&mut self, sent: bool) {
        if sent && let Some(flow) = self.flows.get_mut(self.next) {
            flow.sent += 1;
            self.counts.sent += 1;
        }
        self.next = (self.next + 1) % self.flows.len().max(1);
    }

    /// Takes a packet that came to a spoke; `false`: it is none of ours.
    pub fn receive(&mut self, packet: &ip4::Packet<'_>, at: usize) -> bool {
        if packet.protocol() != ip4::protocol::UDP || packet.is_fragment() {
            return false;
        }
        let Ok(datagram) = udp::parse(packet.payload(), packet.source(), packet.destination()) else {
            return false;
        };
        let Some((&MAGIC, rest)) = datagram.payload.split_first_chunk::<8>() else { return false };
        let Some((sender, rest)) = rest.split_first_chunk::<4>() else { return false };
        let Some(number) = rest.first_chunk::<8>() else { return false };
        let (sender, number) = (u32::from_be_bytes(*sender) as usize, u64::from_be_bytes(*number));
        let meant = self.partner(sender) == at;
        match self.flows.get_mut(sender).filter(|flow| meant && number < flow.sent) {
            None => self.counts.foreign += 1,
            Some(flow) => flow.note(number, &mut self.counts),
        }
        true
    }

    /// The counts now.
    pub fn counts(&self) -> Counts {
        Counts { lost: self.counts.sent - self.counts.received, ..self.counts }
    }
}

impl Flow {
    /// Memory grows by a bit per packet sent, since only numbers below `sent` come here.
    fn note(&mut self, number: u64, counts: &mut Counts) {
        let (word, bit) = ((number / 64) as usize, 1u64 << (number % 64));
        if self.seen.len() <= word {
            self.seen.resize(word + 1, 0);
        }
        let Some(word) = self.seen.get_mut(word) else { return };
        if *word & bit != 0 {
            counts.duplicated += 1;
            return;
        }
        *word |= bit;
        counts.received += 1;
        if number < self.highest {
            counts.reordered += 1;
        }
        self.highest = self.highest.max(number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn identity(index: u32) -> Identity {
        let address = |net: u8| std::net::Ipv4Addr::new(net, 0, 0, index as u8 + 1);
        Identity { index, nbma: address(192), claimed: address(192), tunnel: address(10), lan: None }
    }

    #[test]
    fn counts_losses_doubles_and_strays() {
        let mut traffic = Traffic::new(3, 64);
        let mut packets = Vec::new();
        for turn in 0..9 {
            let from = traffic.turn();
            assert_eq!(from, turn % 3);
            let to = traffic.partner(from);
            let mut packet = Vec::new();
            traffic.write(&identity(from as u32), &identity(to as u32), &mut packet).unwrap();
            traffic.written(true);
            packets.push((packet, to));
        }
        assert_eq!(packets[0].0.len(), 64);
        let mut take = |n: usize, at| traffic.receive(&ip4::parse(&packets[n].0).unwrap(), at);
        let at = |n: usize| packets[n].1;
        for n in [0, 6, 3, 1, 1, 2] {
            assert!(take(n, at(n)));
        }
        assert!(take(4, (at(4) + 1) % 3));
        let expected = Counts { sent: 9, received: 5, lost: 4, duplicated: 1, reordered: 1, foreign: 1 };
        assert_eq!(traffic.counts(), expected);
        let mut other = packets[0].0.clone();
        other[9] = ip4::protocol::TCP;
        ip4::fill_checksum(&mut other).unwrap();
        assert!(!traffic.receive(&ip4::parse(&other).unwrap(), 1));
    }
}
