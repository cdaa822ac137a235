//! What the core asks of the process around it.

use crate::SaId;

/// A slot for a child SA, and the SPI that leads to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slot {
    /// The slot.
    pub sa: SaId,
    /// SPI that the peer is to send with; above 255 (RFC 4303 2.1).
    pub spi: u32,
}

/// What the data plane has done with a child SA.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Time of the last authentic inbound packet, in the clock of `now_ms`; none yet: `None`.
    pub heard_ms: Option<u64>,
    /// Authentic inbound packets.
    pub packets_in: u64,
    /// Octets in them.
    pub octets_in: u64,
    /// Packets sent.
    pub packets_out: u64,
    /// Octets in them.
    pub octets_out: u64,
}

/// The process around the core.
pub trait Host {
    /// Fills with octets nobody can foretell: SPIs, nonces, IVs and key pairs come from them.
    fn random(&mut self, octets: &mut [u8]);

    /// Seconds since 1970, for certificates and nothing else.
    fn wall_seconds(&self) -> u64;

    /// A free slot. `None`: all are in use, the child SA is refused.
    fn allocate(&mut self) -> Option<Slot>;

    /// Takes back a slot for which no [`crate::Action::Inbound`] was emitted. All others are free once their
    /// [`crate::Action::Remove`] of the inbound half has been carried out.
    fn release(&mut self, sa: SaId);

    /// Marks a slot as in use that a restored session has. `false`: it is another's, or there is none such.
    fn adopt(&mut self, slot: Slot) -> bool;

    /// What the data plane has done with a child SA.
    fn usage(&self, sa: SaId) -> Usage;
}
