//! A hub with protection, and the spokes' ends of its SAs.
//!
//! Every spoke has an SA of its own, with contexts of its own in the hub. The keys within are the same for all, so that the
//! spokes' side, which is not measured, keeps one context in the cache and leaves the rest to the hub.

use super::Error;
use crate::crypto::Named;
use crate::scenario::{HUB, HUB_MAC, ROUTER_MAC, Scenario, esp_text_len, nbma};
use arrayvec::ArrayVec;
use forwarding::crypto::{
    Choice, Context, Crypto, Direction, HEADER, Job, Keys, SEED, Status, Transform, overhead,
};
use forwarding::{ApplyError, BURST, Security, Updater};
use shm::Segment;
use shm::message::{Encap, Mode, Protection, SaInbound, SaOutbound, Update, spi};
use std::num::{NonZeroU8, NonZeroU32, NonZeroU64};
use wire::{esp, eth, gre, ip4};

/// Octets before ESP.
const OUTER: usize = eth::LEN + ip4::LEN;
/// Of all inbound SPIs.
const GENERATION: NonZeroU8 = NonZeroU8::MIN;
/// SPI of spoke 0's end; the others follow.
const SPOKE_SPI: u32 = 0x5000_0000;
/// Replay window, the hub's default.
const WINDOW: u16 = 1_024;
/// Times an update is tried again while workers, perhaps on other cores, take their SAs.
const TRIES: usize = 1 << 20;

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
    /// Tunnel mode and no GRE, for a gateway that has none.
    tunnel: bool,
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
            tunnel: false,
            keys,
        })
    }

    /// The same keys in tunnel mode, without GRE.
    pub fn in_tunnel_mode(self) -> Self {
        Self { tunnel: true, ..self }
    }

    /// What the hub's tables need for one worker.
    pub fn security(choice: &Choice, segment: &Segment) -> Security {
        Self::security_of(choice, segment, 1)
    }

    /// The same for more.
    pub fn security_of(choice: &Choice, segment: &Segment, workers: u32) -> Security {
        let seeds = (0..workers).map(|worker| [worker as u8; SEED]).collect();
        Security { cells: segment.sas_shared(), choice: choice.clone(), seeds }
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
        for id in 0..scenario.spokes {
            for update in self.spoke(scenario, segment, id) {
                apply(updater, update)?;
            }
        }
        Ok(())
    }

    /// Arms the slot of a spoke's SA, and gives what makes the spoke a peer that is protected by it.
    pub fn spoke(&self, scenario: &Scenario, segment: &Segment, id: u32) -> [Update; 4] {
        let [to_hub, from_hub] = &self.keys;
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
        let [peer, route] = scenario.spoke(id, Some(Protection { session, sa: Some(id), udp: None }));
        [Update::SaInbound(inbound), Update::SaOutbound(outbound), peer, route]
    }

    /// Keys of both directions and SPIs of a spoke's SAs, to the hub and from it, for a gateway that is not ours.
    pub fn material(&self, id: u32) -> [(u32, &[u8]); 2] {
        let [to_hub, from_hub] = &self.keys;
        [(spi(GENERATION, id), to_hub.material()), (SPOKE_SPI + id, from_hub.material())]
    }

    /// Octets of the frame of an inner packet.
    pub fn frame_len(&self, scenario: &Scenario, size: u16) -> usize {
        let text = if self.tunnel {
            (usize::from(size) + esp::TRAILER).next_multiple_of(self.transform.block_len())
        } else {
            esp_text_len(self.transform, scenario.key, size)
        };
        OUTER + overhead(self.transform) + text
    }

    /// Octets between the outer IP header and the text: ESP's header and IV.
    fn before_text(&self) -> usize {
        HEADER + self.transform.iv_len()
    }

    /// How much further back than in the clear the inner packet is.
    pub fn shift(&self, scenario: &Scenario) -> usize {
        let gre = if self.tunnel { gre::emitted_len(scenario.key) } else { 0 };
        self.before_text() - gre
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
        let sequence = self.fill(scenario, from, to, size, out)?;
        self.seal([(out, sequence)]).then_some(())
    }

    /// The same, not yet sealed; gives the sequence number that sealing needs.
    pub fn fill(
        &mut self,
        scenario: &Scenario,
        from: u32,
        to: u32,
        size: u16,
        out: &mut [u8],
    ) -> Option<u32> {
        let total = out.len();
        // In the clear, with GRE or the packet where ESP has its text; what comes before it is written over.
        let before = self.shift(scenario);
        let clear = scenario.frame(from, to, size, out.get_mut(before..)?)?;
        eth::emit(out, HUB_MAC, ROUTER_MAC, None, eth::TYPE_IPV4)?;
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
        header.emit(out.get_mut(eth::LEN..)?)?;
        let sequence = self.sequences.get_mut(from as usize)?;
        *sequence += 1;
        esp::emit(out.get_mut(OUTER..)?, spi(GENERATION, from), *sequence)?;
        let end = total.checked_sub(self.transform.icv_len())?;
        let next = if self.tunnel { esp::next_header::IPV4 } else { esp::next_header::GRE };
        esp::put_trailer(out.get_mut(before + clear..end)?, next)?;
        Some(*sequence)
    }

    /// Seals filled frames, at most [`BURST`] of them, with their sequence numbers; `false`: one was not.
    pub fn seal<'f>(&mut self, frames: impl IntoIterator<Item = (&'f mut [u8], u32)>) -> bool {
        let mut jobs = ArrayVec::<Job<'_>, BURST>::new();
        for (frame, sequence) in frames {
            let Some(packet) = frame.get_mut(OUTER..) else { return false };
            if jobs.try_push(Job::new(&self.outbound, packet, sequence.into())).is_err() {
                return false;
            }
        }
        self.crypto.seal(&mut jobs);
        jobs.iter().all(|job| job.status == Status::Done)
    }

    /// Whether a frame of the hub's is the inner packet for a spoke, TTL one less, under that spoke's SA.
    pub fn is_right(&mut self, frame: &[u8], to: u32) -> bool {
        self.opened(frame, to).is_some_and(|ttl| ttl == 63)
    }

    /// TTL of the inner packet of a frame for a spoke.
    pub fn opened(&mut self, frame: &[u8], to: u32) -> Option<u8> {
        let mut frame = frame.to_vec();
        if self.open(&mut frame)? != to {
            return None;
        }
        let text = frame.get(OUTER + self.before_text()..frame.len() - self.transform.icv_len())?;
        let inner = gre::parse(text).ok()?;
        ip4::parse_unsummed(inner.payload).ok().map(|inner| inner.ttl())
    }

    /// Opens a frame of the hub's in place; gives the spoke that it is for, to whose address it goes.
    pub fn open(&mut self, frame: &mut [u8]) -> Option<u32> {
        let outer = ip4::parse(frame.get(eth::LEN..)?).ok()?;
        let header = esp::parse(outer.payload())?;
        let to = header.spi.get().checked_sub(SPOKE_SPI)?;
        if (outer.source(), outer.destination(), outer.protocol()) != (HUB, nbma(to), ip4::protocol::ESP) {
            return None;
        }
        let (sequence, octets) = (header.sequence.get().into(), outer.payload().len());
        let mut jobs = [Job::new(&self.inbound, frame.get_mut(OUTER..OUTER + octets)?, sequence)];
        self.crypto.open(&mut jobs);
        jobs.iter().all(|job| job.status == Status::Done).then_some(to)
    }

    /// Whether a frame is the hub's ESP, by its addresses alone.
    pub fn is_from_hub(&self, frame: &[u8]) -> bool {
        let outer = frame.get(eth::LEN..).and_then(|outer| ip4::parse_unsummed(outer).ok());
        outer.is_some_and(|outer| outer.source() == HUB && outer.protocol() == ip4::protocol::ESP)
    }
}
