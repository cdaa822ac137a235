//! Both halves of a child SA as workers hold them: what packets need in the first line, the keys behind it.

use crate::crypto::{self, Choice, Context};
use crate::refusal::Refusal;
use crate::replay::Window;
use shm::message::{Encap, Keys, Mode, SaInbound, SaOutbound};
use std::mem::offset_of;
use std::num::NonZeroU64;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering::AcqRel, Ordering::Acquire, Ordering::Relaxed};

/// No worker has claimed the SA.
const NOBODY: u8 = u8::MAX;
const _: () = assert!(shm::MAX_WORKERS < NOBODY as u32);

/// The inner addresses of tunnel mode, host order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Inner {
    pub(crate) local: u32,
    pub(crate) remote: u32,
}

/// Octets of the transform's fields.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Shape {
    pub(crate) iv: u8,
    pub(crate) icv: u8,
    /// What plaintext and trailer are padded to.
    pub(crate) align: u8,
}

/// The inbound half. Shared by the updater and all workers; written by its owner where it says so.
#[derive(Debug)]
#[repr(C, align(64))]
pub(crate) struct Inbound {
    /// Ours.
    pub(crate) spi: u32,
    /// Whose it is.
    pub(crate) session: u32,
    /// The hub's address, host order.
    pub(crate) local: u32,
    pub(crate) shape: Shape,
    /// The worker that took its first packet, or [`NOBODY`]: set once, by any worker.
    owner: AtomicU8,
    /// Whether plain ESP is refused.
    pub(crate) only_udp: bool,
    tunnel_mode: bool,
    /// Where control knows the peer to be, as [`place`] has it. Written by the updater, and by the owner once it has
    /// told control of another place.
    pub(crate) known: AtomicU64,
    /// Written by the owner.
    pub(crate) window: Window,
    /// Keys.
    pub(crate) context: Context,
    inner: Option<Inner>,
    /// Of the child SA in its segment's cell.
    pub(crate) tag: NonZeroU64,
}
// What is asked before a packet is opened, and of transport mode after it, is in one line.
const _: () = assert!(offset_of!(Inbound, context) == 64);

/// The outbound half. Shared by the updater and all workers; nobody writes.
#[derive(Debug)]
#[repr(C, align(64))]
pub(crate) struct Outbound {
    /// The peer's.
    pub(crate) spi: u32,
    pub(crate) shape: Shape,
    pub(crate) inner: Option<Inner>,
    /// Of the child SA in its segment's cell.
    pub(crate) tag: NonZeroU64,
    /// Greatest sequence number it may send.
    pub(crate) last: u64,
    /// Keys.
    pub(crate) context: Context,
}
const _: () = assert!(offset_of!(Outbound, context) == 64);

/// Octets of an SA's inbound and outbound half, without the replay window's ring.
pub const SA_OCTETS: [usize; 2] = [size_of::<Inbound>(), size_of::<Outbound>()];

/// An address and a UDP port in one word; port 0: plain ESP.
#[inline(always)]
pub(crate) fn place(nbma: u32, port: u16) -> u64 {
    u64::from(nbma) << 16 | u64::from(port)
}

impl Inner {
    fn of(mode: Mode) -> Option<Self> {
        match mode {
            Mode::Transport => None,
            Mode::Tunnel { local, remote } => Some(Self { local: local.to_bits(), remote: remote.to_bits() }),
        }
    }
}

impl Shape {
    fn of(transform: crypto::Transform) -> Self {
        Self {
            iv: transform.iv_len() as u8,
            icv: transform.icv_len() as u8,
            align: transform.block_len() as u8,
        }
    }

    /// Whether it is AES-GCM's.
    #[inline(always)]
    pub(crate) fn is_gcm(self) -> bool {
        self.align == 4
    }

    /// See [`Outbound::room`].
    fn room(self, tunnel_mode: bool, mtu: u16, before: u16) -> u16 {
        let fixed = before + wire::esp::LEN as u16 + u16::from(self.iv) + u16::from(self.icv);
        let text = mtu.saturating_sub(fixed);
        let inner = if tunnel_mode { wire::ip4::LEN as u16 } else { 0 };
        (text - text % u16::from(self.align)).saturating_sub(wire::esp::TRAILER as u16 + inner)
    }
}

impl Inbound {
    /// `top`: highest sequence number that any dataplane authenticated with these keys.
    pub(crate) fn new(sa: &SaInbound, choice: &Choice, top: u64) -> Result<Self, Refusal> {
        let context = context(choice, crypto::Direction::Inbound, &sa.keys, sa.esn)?;
        Ok(Self {
            spi: sa.spi,
            session: sa.session.get(),
            local: sa.local.to_bits(),
            shape: Shape::of(context.transform()),
            owner: AtomicU8::new(NOBODY),
            only_udp: sa.encap == Encap::Udp,
            tunnel_mode: sa.mode != Mode::Transport,
            inner: Inner::of(sa.mode),
            known: AtomicU64::new(known(sa)),
            window: Window::new(sa.window, sa.esn, top),
            context,
            tag: sa.tag,
        })
    }

    /// The addresses of tunnel mode.
    #[inline(always)]
    pub(crate) fn inner(&self) -> Option<Inner> {
        if self.tunnel_mode { self.inner } else { None }
    }

    /// Updater: where control knows the peer to be now.
    pub(crate) fn set_known(&self, sa: &SaInbound) {
        self.known.store(known(sa), Relaxed);
    }

    /// The worker that the SA is of: who asks first has it.
    #[inline(always)]
    pub(crate) fn owner(&self, asking: u8) -> u8 {
        match self.owner.load(Relaxed) {
            NOBODY => self.claim(asking),
            owner => owner,
        }
    }

    #[cold]
    fn claim(&self, asking: u8) -> u8 {
        match self.owner.compare_exchange(NOBODY, asking, AcqRel, Acquire) {
            Ok(_) => asking,
            Err(owner) => owner,
        }
    }
}

fn known(sa: &SaInbound) -> u64 {
    place(sa.nbma.to_bits(), sa.udp.unwrap_or(0))
}

impl Outbound {
    pub(crate) fn new(sa: &SaOutbound, choice: &Choice) -> Result<Self, Refusal> {
        let context = context(choice, crypto::Direction::Outbound, &sa.keys, sa.esn)?;
        // RFC 4303 3.3.3: without ESN the counter must not cycle.
        let most = if sa.esn { u64::MAX } else { u32::MAX.into() };
        Ok(Self {
            spi: sa.spi,
            shape: Shape::of(context.transform()),
            inner: Inner::of(sa.mode),
            tag: sa.tag,
            last: sa.hard_packets.min(most),
            context,
        })
    }

    /// Octets of the largest packet that, protected, makes an outer packet of at most `mtu` octets. `before`: those of
    /// the outer IP header and, with UDP encapsulation, the UDP header. The packet is what the ESP payload begins with.
    pub(crate) fn room(&self, mtu: u16, before: u16) -> u16 {
        self.shape.room(self.inner.is_some(), mtu, before)
    }

    /// As [`Outbound::room`], of the SA that leaves least.
    pub(crate) fn least_room(mtu: u16, before: u16) -> u16 {
        crypto::Transform::ALL
            .iter()
            .map(|transform| Shape::of(*transform).room(true, mtu, before))
            .min()
            .unwrap_or(0)
    }
}

/// The engine's context of one direction.
fn context(
    choice: &Choice,
    direction: crypto::Direction,
    keys: &Keys,
    esn: bool,
) -> Result<Context, Refusal> {
    Context::new(choice, direction, keys, esn).map_err(|_| Refusal::Keys)
}
