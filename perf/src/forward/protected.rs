//! A hub with protection, and the spokes' ends of its SAs.
//!
//! Every spoke has an SA of its own, with contexts of its own in the hub. The keys within are the same for all, so that the
//! spokes' side, which is not measured, keeps one context in the cache and leaves the rest to the hub.

use super::Error;
use crate::crypto::Named;
use crate::scenario::{HUB, Scenario, esp_text_len, nbma};
use forwarding::crypto::{
    Choice, Context, Crypto, Direction, HEADER, Job, Keys, SEED, Status, Transform, overhead,
};
use forwarding::{ApplyError, Security, Updater};
use shm::Segment;
use shm::message::{Encap, Mode, Protection, SaInbound, SaOutbound, Update, spi};
use std::num::{NonZeroU8, NonZeroU32, NonZeroU64};
use wire::{esp, eth, gre, ip4};

/// Octets of the longest frame.
const ROOM: usize = 1_664;
/// Of all inbound SPIs.
const GENERATION: NonZeroU8 = NonZeroU8::MIN;
/// SPI of spoke 0's end; the others follow.
const SPOKE_SPI: u32 = 0x5000_0000;
/// Replay window, the hub's default.
const WINDOW: u16 = 1_024;
/// Times an update is tried again while workers take their SAs.
const TRIES: usize = 8;

/// The spokes.
pub struct Protected {
    transform: Transform,
    keys: [Keys; 2],
    /// Seals what spokes send.
    outbound: Context,
    /// Opens what the hub sends.
    inbound: Context,
    crypto: Crypto,
    /// Packets that each spoke has sent.
    sequences: Vec<u32>,
}

impl Protected {
    /// The ends of so many SAs.
    pub fn new(choice: &Choice, Named(transform): Named, spokes: u32) -> Result<Self, Error> {
        let keys = |octet| Keys::new(transform, &vec![octet; transform.material_len()]).ok_or(Error::Keys);
        let keys = [keys(0x11)?, keys(0x22)?];
        let context = |direction, keys| Context::new(choice, direction, keys, false).map_err(|_| Error::Keys);
        let [to_hub, from_hub] = &keys;
        Ok(Self {
            transform,
            outbound: context(Direction::Outbound, to_hub)?,
            inbound: context(Direction::Inbound, from_hub)?,
            crypto: Crypto::new(choice, &[9; SEED])?,
            sequences: vec![0; spokes as usize],
            keys,
        })
    }

    /// What the hub's tables need.
    pub fn security(choice: &Choice, segment: &Segment) -> Security {
        Security { cells: segment.sas_shared(), choice: choice.clone(), seeds: vec![[8; SEED]] }
    }

    /// Arms and installs the SAs and makes the spokes peers. `tick` lets the worker take what it was given.
    pub fn install(
        &self,
        scenario: &Scenario,
        updater: &mut Updater,
        segment: &Segment,
        mut tick: impl FnMut(),
    ) -> Result<(), Error> {
        let mut apply = |updater: &mut Updater, update: Update| -> Result<(), Error> {
            for _ in 0..TRIES {
                match updater.apply(&update) {
                    Err(ApplyError::Busy) => tick(),
                    done => return Ok(done?),
                }
            }
            Err(ApplyError::Busy.into())
        };
        let [to_hub, from_hub] = &self.keys;
        for id in 0..scenario.spokes {
            let tag = NonZeroU64::MIN.saturating_add(id.into());
            let session = NonZeroU32::MIN.saturating_add(id);
            segment.arm(id, tag);
            let inbound = SaInbound {
                id,
                spi: spi(GENERATION, id),
                tag,
                session,
                local: HUB,
                nbma: nbma(id),
                udp: None,
                encap: Encap::Plain,
                mode: Mode::Transport,
                esn: false,
                window: WINDOW,
                keys: to_hub.clone(),
            };
            let outbound = SaOutbound {
                id,
                spi: SPOKE_SPI + id,
                tag,
                mode: Mode::Transport,
                esn: false,
                hard_packets: u64::MAX,
                keys: from_hub.clone(),
            };
            apply(updater, Update::SaInbound(inbound))?;
            apply(updater, Update::SaOutbound(outbound))?;
            for update in scenario.spoke(id, Some(Protection { session, sa: Some(id), udp: None })) {
                apply(updater, update)?;
            }
        }
        Ok(())
    }

    /// Octets of the frame of an inner packet.
    pub fn frame_len(&self, scenario: &Scenario, size: u16) -> usize {
        eth::LEN + ip4::LEN + overhead(self.transform) + esp_text_len(self.transform, scenario.key, size)
    }

    /// Writes the frame of an inner packet of `size` octets from one spoke to another into a room of its length.
    pub fn frame(
        &mut self,
        scenario: &Scenario,
        from: u32,
        to: u32,
        size: u16,
        out: &mut [u8],
    ) -> Option<()> {
        let mut clear = [0; ROOM];
        let clear = clear.get_mut(..scenario.overhead() + usize::from(size))?;
        scenario.frame(from, to, size, clear)?;
        let total = out.len();
        let (ethernet, packet) = out.split_at_mut_checked(eth::LEN)?;
        ethernet.copy_from_slice(clear.get(..eth::LEN)?);
        let header = ip4::Fields {
            tos: 0,
            total_len: u16::try_from(total - eth::LEN).ok()?,
            id: from as u16,
            flags_offset: 0,
            ttl: 255,
            protocol: ip4::protocol::ESP,
            source: nbma(from),
            destination: HUB,
        };
        let at = header.emit(packet)?;
        let packet = packet.get_mut(at..)?;
        let sequence = self.sequences.get_mut(from as usize)?;
        *sequence += 1;
        let sequence = *sequence;
        esp::emit(packet, spi(GENERATION, from), sequence)?;
        let text = HEADER + self.transform.iv_len()..packet.len() - self.transform.icv_len();
        let payload = clear.get(eth::LEN + ip4::LEN..)?;
        let (body, trailer) = packet.get_mut(text)?.split_at_mut_checked(payload.len())?;
        body.copy_from_slice(payload);
        esp::put_trailer(trailer, esp::next_header::GRE)?;
        let mut jobs = [Job::new(&self.outbound, packet, sequence.into())];
        self.crypto.seal(&mut jobs);
        jobs.iter().all(|job| job.status == Status::Done).then_some(())
    }

    /// Whether a frame of the hub's is the inner packet for a spoke, TTL one less, under that spoke's SA.
    pub fn is_right(&mut self, frame: &[u8], to: u32) -> bool {
        self.opened(frame, to).is_some_and(|ttl| ttl == 63)
    }

    /// TTL of the inner packet of a frame for a spoke.
    pub fn opened(&mut self, frame: &[u8], to: u32) -> Option<u8> {
        let outer = ip4::parse(frame.get(eth::LEN..)?).ok()?;
        if (outer.source(), outer.destination(), outer.protocol()) != (HUB, nbma(to), ip4::protocol::ESP) {
            return None;
        }
        let mut packet = outer.payload().to_vec();
        let header = esp::parse(&packet).filter(|header| header.spi.get() == SPOKE_SPI + to)?;
        let mut jobs = [Job::new(&self.inbound, &mut packet, header.sequence.get().into())];
        self.crypto.open(&mut jobs);
        if jobs.iter().any(|job| job.status != Status::Done) {
            return None;
        }
        let text = packet.get(HEADER + self.transform.iv_len()..packet.len() - self.transform.icv_len())?;
        let inner = gre::parse(text).ok()?;
        ip4::parse_unsummed(inner.payload).ok().map(|inner| inner.ttl())
    }
}
