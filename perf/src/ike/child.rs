//! A child SA: ESP in transport mode around GRE (RFC 4303), AES-GCM-128 without ESN.

use forwarding::crypto::{Choice, Context, Crypto, Direction, Job, KeyError, Status};
use ike::crypto::{ChildKeys, Role};
use shm::message::Transform;
use std::ops::Range;
use wire::esp::{self, next_header};

/// Octets that a packet ends on a multiple of.
const ALIGNMENT: usize = 4;
/// Octets of initialization vector and check value.
const IV_LEN: usize = 8;
const ICV_LEN: usize = 16;
/// Packets that may be late.
const WINDOW: u64 = 64;

/// Why an ESP packet was not let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// No SA of that SPI with that sender.
    UnknownSpi,
    /// Seen before, or too late.
    Replay,
    /// Not authentic, or too short.
    Forged,
    /// Authentic, but no GRE in it.
    NotGre,
}

/// Where in the packet the GRE packet is.
pub type Opened = Range<usize>;

/// Both directions.
#[derive(Debug)]
pub struct Child {
    inbound: Box<Context>,
    outbound: Box<Context>,
    /// SPI that the peer sends to.
    pub inbound_spi: u32,
    /// SPI that we send to.
    pub outbound_spi: u32,
    /// Number of the last packet sent.
    sent: u64,
    /// Highest number received, and a bit for each up to [`WINDOW`] below.
    top: u64,
    seen: u64,
}

impl Child {
    /// From keys; `role` is ours in the exchange that made it.
    pub fn new(
        choice: &Choice,
        keys: &ChildKeys,
        role: Role,
        inbound_spi: u32,
        outbound_spi: u32,
    ) -> Result<Self, KeyError> {
        let (ours, theirs) = match role {
            Role::Initiator => (&keys.initiator, &keys.responder),
            Role::Responder => (&keys.responder, &keys.initiator),
        };
        let context = |direction, material: &[u8]| {
            Context::from_material(choice, direction, Transform::Gcm128, material, false).map(Box::new)
        };
        Ok(Self {
            inbound: context(Direction::Inbound, theirs.expose())?,
            outbound: context(Direction::Outbound, ours.expose())?,
            inbound_spi,
            outbound_spi,
            sent: 0,
            top: 0,
            seen: 0,
        })
    }

    /// Appends an ESP packet with `gre` in it. `None`: no more numbers, or the engine failed.
    pub fn seal(&mut self, crypto: &mut Crypto, gre: &[u8], out: &mut Vec<u8>) -> Option<()> {
        let sequence = u32::try_from(self.sent + 1).ok()?;
        self.sent += 1;
        let start = out.len();
        let text = start + esp::LEN + IV_LEN + gre.len();
        let padding = esp::padding(gre.len(), ALIGNMENT);
        out.resize(start + esp::LEN + IV_LEN, 0);
        out.extend_from_slice(gre);
        out.resize(text + padding + esp::TRAILER + ICV_LEN, 0);
        esp::emit(out.get_mut(start..)?, self.outbound_spi, sequence)?;
        esp::put_trailer(out.get_mut(text..text + padding + esp::TRAILER)?, next_header::GRE)?;
        let mut jobs = [Job::new(&self.outbound, out.get_mut(start..)?, sequence.into())];
        crypto.seal(&mut jobs);
        let [job] = jobs;
        (job.status == Status::Done).then_some(())
    }

    /// Opens an ESP packet in place.
    pub fn open(&mut self, crypto: &mut Crypto, packet: &mut [u8]) -> Result<Opened, Refusal> {
        let sequence = u64::from(esp::parse(packet).ok_or(Refusal::Forged)?.sequence.get());
        if !self.is_fresh(sequence) {
            return Err(Refusal::Replay);
        }
        let mut jobs = [Job::new(&self.inbound, &mut *packet, sequence)];
        crypto.open(&mut jobs);
        let [job] = jobs;
        if job.status != Status::Done {
            return Err(Refusal::Forged);
        }
        self.note(sequence);
        let start = esp::LEN + IV_LEN;
        let end = packet.len().checked_sub(ICV_LEN).ok_or(Refusal::Forged)?;
        let text = packet.get(start..end).ok_or(Refusal::Forged)?;
        match esp::trailer(text) {
            Ok(esp::Trailer { payload_len, next_header: next_header::GRE }) => Ok(start..start + payload_len),
            _ => Err(Refusal::NotGre),
        }
    }

    /// RFC 4303 3.4.3.
    fn is_fresh(&self, sequence: u64) -> bool {
        match self.top.checked_sub(sequence) {
            _ if sequence == 0 => false,
            None => true,
            Some(late) => late < WINDOW && self.seen & (1 << late) == 0,
        }
    }

    fn note(&mut self, sequence: u64) {
        match sequence.checked_sub(self.top) {
            Some(ahead) => {
                self.seen =
                    u32::try_from(ahead).ok().and_then(|ahead| self.seen.checked_shl(ahead)).unwrap_or(0) | 1;
                self.top = sequence;
            }
            None => self.seen |= 1 << (self.top - sequence),
        }
    }
}
