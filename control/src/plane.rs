//! The data plane, as seen through the segment.

use crate::peers::Totals;
use crate::state::GroupTotals;
use crate::sync::Outlet;
use config::Config;
use shm::message::{GroupId, PeerId, Update};
use shm::{
    AttachError, EndpointError, EventReceiver, Geometry, InjectSender, Life, Segment, Side, UpdateSender,
};
use std::path::PathBuf;

/// A heartbeat older than this means that the data plane is not running, in milliseconds.
pub const DEAD_MS: u64 = 3_000;

/// Events that waited longer for a control are not worth handling: a registration of that age would bring back a
/// spoke that may have gone since, in milliseconds.
pub const EVENTS_KEEP_MS: u64 = 5_000;

/// Why there is no data plane to talk to.
#[derive(Debug, thiserror::Error)]
pub enum PlaneError {
    /// The segment.
    #[error(transparent)]
    Attach(#[from] AttachError),
    /// An end of it.
    #[error("segment: {0:?}")]
    Endpoint(EndpointError),
}

/// An attached segment with control's ends of its rings.
pub struct Plane {
    /// The segment.
    pub segment: Segment,
    /// Updates.
    pub updates: Updates,
    /// Packets to send.
    pub inject: InjectSender,
    /// Events by worker.
    pub events: Vec<EventReceiver>,
    boot_id: u64,
    /// Boot id of the data plane when we attached, and whether it lived.
    found: Option<(u64, bool)>,
    losses: u64,
    since_ms: u64,
}

/// The updates ring as [`Outlet`].
pub struct Updates {
    sender: UpdateSender,
    /// Updates that no slot can hold: a mistake of ours.
    pub unfit: u64,
}

impl Outlet for Updates {
    fn offer(&mut self, update: &Update) -> bool {
        match self.sender.send(update) {
            Ok(_) => true,
            Err(shm::SendError::Full) => false,
            Err(shm::SendError::Unfit(why)) => {
                self.unfit += 1;
                tracing::error!("update {update:?} cannot be sent: {why:?}");
                true
            }
        }
    }
}

impl Updates {
    /// The position the next update will have.
    pub fn position(&self) -> u64 {
        self.sender.position()
    }
    /// What the data plane has taken in.
    pub fn acknowledged(&self) -> u64 {
        self.sender.acknowledged()
    }
}

/// Where the segment is.
pub fn path(config: &Config) -> PathBuf {
    config.hub.run_dir.join("segment")
}

/// What a segment for this configuration is sized for.
pub fn geometry(config: &Config) -> Geometry {
    Geometry { workers: config.dataplane.cores.len().max(1) as u32, max_peers: config.hub.max_peers }
}

/// Why everything has to be told (again): `known` is the boot id of the data plane that was told last, 0 for none;
/// `found` the boot id and whether it lived when we attached.
fn resync_cause(known: u64, found: Option<(u64, bool)>, now: u64, lost: bool) -> Option<&'static str> {
    match found {
        _ if now == 0 => None,
        Some((boot_id, alive)) if known == 0 && boot_id == now => match alive {
            true => Some("attached to a dataplane that runs"),
            false => Some("attached; the dataplane does not run at present"),
        },
        _ if known == 0 => Some("the dataplane started"),
        _ if known != now => Some("the dataplane started anew"),
        _ => lost.then_some("the dataplane lost updates"),
    }
}

impl Plane {
    /// Attaches to the segment, or makes it.
    pub fn attach(config: &Config) -> Result<Self, PlaneError> {
        let geometry = geometry(config);
        let segment = Segment::open_or_create(&path(config), &geometry, Side::Control)?;
        let ends = PlaneError::Endpoint;
        let sender = segment.update_sender().map_err(ends)?;
        let inject = segment.inject_sender().map_err(ends)?;
        let events = (0..geometry.workers as usize).map(|worker| segment.event_receiver(worker));
        let events = events.collect::<Result<Vec<_>, _>>().map_err(ends)?;
        let losses = sender.losses();
        let mut plane = Self {
            segment,
            updates: Updates { sender, unfit: 0 },
            inject,
            events,
            boot_id: 0,
            found: None,
            losses,
            since_ms: 0,
        };
        let now_ms = shm::clock::now_ms();
        plane.found = Some((plane.life().boot_id, plane.is_alive(now_ms)));
        let away = plane.segment.predecessor().map(|life| now_ms.saturating_sub(life.heartbeat_ms));
        if away.is_some_and(|away| away > EVENTS_KEEP_MS) {
            plane.discard_events();
        }
        Ok(plane)
    }

    /// Drops what waits in the event rings: it is too old.
    pub fn discard_events(&mut self) {
        let dropped: usize = self.events.iter_mut().map(EventReceiver::discard).sum();
        if dropped > 0 {
            tracing::warn!("{dropped} events of the dataplane waited too long for control and were dropped");
        }
    }

    /// The other side's life.
    pub fn life(&self) -> Life {
        self.segment.life(Side::Dataplane)
    }

    /// Whether the data plane has ever attached, so that updates reach somebody.
    pub fn is_there(&self) -> bool {
        self.life().boot_id != 0
    }

    /// Whether the data plane gave a sign of life lately.
    pub fn is_alive(&self, now_ms: u64) -> bool {
        let life = self.life();
        life.boot_id != 0 && now_ms.saturating_sub(life.heartbeat_ms) < DEAD_MS
    }

    /// Since when this life of the data plane is known.
    pub fn seen_since_ms(&self) -> u64 {
        self.since_ms
    }

    /// Whether everything has to be told again, and why.
    pub fn needs_resync(&mut self) -> Option<&'static str> {
        let (boot_id, losses) = (self.life().boot_id, self.updates.sender.losses());
        let why = resync_cause(self.boot_id, self.found, boot_id, losses != self.losses);
        if boot_id != self.boot_id {
            self.since_ms = shm::clock::now_ms();
        }
        (self.boot_id, self.losses) = (boot_id, losses);
        why
    }

    /// A peer's counters, all workers together.
    pub fn totals(&self, id: PeerId) -> Totals {
        let mut totals = Totals::default();
        for worker in 0..self.events.len() {
            let Some(traffic) = self.segment.peers(worker).get(id as usize) else { continue };
            totals.rx_packets = totals.rx_packets.wrapping_add(traffic.rx_packets.get());
            totals.rx_bytes = totals.rx_bytes.wrapping_add(traffic.rx_bytes.get());
            totals.tx_packets = totals.tx_packets.wrapping_add(traffic.tx_packets.get());
            totals.tx_bytes = totals.tx_bytes.wrapping_add(traffic.tx_bytes.get());
        }
        totals
    }
}

impl Plane {
    /// A multicast route's counters, all workers together.
    pub fn group_totals(&self, id: GroupId) -> GroupTotals {
        let mut totals = GroupTotals::default();
        for worker in 0..self.events.len() {
            let Some(counters) = self.segment.groups(worker).get(usize::from(id)) else { continue };
            totals.packets = totals.packets.wrapping_add(counters.packets.get());
            totals.bytes = totals.bytes.wrapping_add(counters.bytes.get());
            totals.copies = totals.copies.wrapping_add(counters.copies.get());
            totals.wrong_interface = totals.wrong_interface.wrapping_add(counters.wrong_interface.get());
            totals.dropped = totals.dropped.wrapping_add(counters.dropped.get());
        }
        totals
    }
}

#[cfg(test)]
mod tests {
    use super::resync_cause;

    #[test]
    fn a_resync_names_its_true_cause() {
        let cause = |known, found, now, lost| resync_cause(known, found, now, lost).unwrap_or("none");
        assert_eq!(cause(0, Some((0, false)), 0, false), "none");
        assert_eq!(cause(0, Some((0, false)), 5, false), "the dataplane started");
        assert_eq!(cause(0, Some((5, true)), 5, false), "attached to a dataplane that runs");
        assert_eq!(cause(0, Some((5, false)), 5, false), "attached; the dataplane does not run at present");
        assert_eq!(cause(0, Some((5, false)), 6, false), "the dataplane started");
        assert_eq!(cause(5, Some((5, true)), 6, true), "the dataplane started anew");
        assert_eq!(cause(5, Some((5, true)), 5, true), "the dataplane lost updates");
        assert_eq!(cause(5, Some((5, true)), 5, false), "none");
    }
}
