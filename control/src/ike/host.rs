//! What the responder asks of the process around it.

use crate::hub::wall_ms;
use crate::ike::slots::Slots;
use crate::secrets::Secrets;
use ike::{Host, Slot, Usage};
use rustix::io::Errno;
use rustix::rand::{GetRandomFlags, getrandom};
use shm::Segment;
use shm::message::{SaId, SaInbound};

/// This process.
pub struct Process<'a> {
    /// Slots of child SAs.
    pub slots: &'a mut Slots,
    /// The segment with their cells, when attached.
    pub segment: Option<&'a Segment>,
    /// The child SAs that there are.
    pub inbound: &'a Secrets<SaId, SaInbound>,
}

impl Host for Process<'_> {
    fn random(&mut self, octets: &mut [u8]) {
        fill(octets);
    }

    fn wall_seconds(&self) -> u64 {
        wall_ms() / 1_000
    }

    fn allocate(&mut self) -> Option<Slot> {
        self.slots.allocate()
    }

    fn release(&mut self, sa: SaId) {
        self.slots.release(sa);
    }

    fn adopt(&mut self, slot: Slot) -> bool {
        self.slots.adopt(slot)
    }

    fn usage(&self, sa: SaId) -> Usage {
        usage(self.segment, self.inbound, sa)
    }
}

/// What the data plane has done with a child SA; nothing, if its cells are of another.
pub fn usage(segment: Option<&Segment>, inbound: &Secrets<SaId, SaInbound>, sa: SaId) -> Usage {
    let armed = |cells: &&shm::SaCells| {
        inbound
            .get(&sa)
            .is_some_and(|row| cells.inbound.is_armed(row.tag) && cells.outbound.is_armed(row.tag))
    };
    let Some(cells) = segment.and_then(|segment| segment.sa(sa)).filter(armed) else {
        return Usage::default();
    };
    Usage {
        heard_ms: Some(cells.inbound.last_ms.get()).filter(|ms| *ms > 0),
        packets_in: cells.inbound.packets.get(),
        octets_in: cells.inbound.bytes.get(),
        packets_out: cells.outbound.sequence(),
        octets_out: cells.outbound.bytes(),
    }
}

/// Fills with octets nobody can foretell.
pub fn fill(octets: &mut [u8]) {
    let mut filled = 0;
    while let Some(rest) = octets.get_mut(filled..).filter(|rest| !rest.is_empty()) {
        match getrandom(rest, GetRandomFlags::empty()) {
            Ok(count) => filled += count,
            Err(Errno::INTR) => {}
            Err(error) => {
                // Keys that can be foretold are worse than no hub.
                tracing::error!("no random numbers: {error}");
                std::process::abort();
            }
        }
    }
}
