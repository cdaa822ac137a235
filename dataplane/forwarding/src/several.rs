//! One of several ways for each packet.
//!
//! In: packets whose prefix leads to an entry of several ways ([`crate::paths`]). Out: the same with the leaf that their
//! flow ([`crate::flow`]) takes. A way that cannot be used now, since its spoke is not registered or has no SA, or its next
//! hop has no MAC address, is avoided while another can (RFC 2992 leaves it to the router).
//!
//! Only a burst that has such packets pays for it. Two passes, since the first asks for the lines that the second reads.

use crate::flow::flow;
use crate::forwarder::Burst;
use crate::leaf::{Kind, Leaf};
use crate::meta::Verdict;
use crate::path::Metas;
use crate::paths::leads_somewhere;
use crate::sink::Sink;
use crate::turn::Turn;
use arrayvec::ArrayVec;
use shm::message::LinkId;
use wire::buffer::{BufferPool, PacketBuffer};

impl<P: BufferPool, S: Sink<P::Buffer>> Turn<'_, P, S> {
    /// Gives every packet with several ways one of them.
    #[inline(never)]
    pub(crate) fn choose_ways(&mut self, metas: &mut Metas, burst: &Burst<P::Buffer>) {
        let mut chosen = ArrayVec::<(u8, u32, Leaf), { crate::BURST }>::new();
        for (at, (meta, buffer)) in metas.iter().zip(burst).enumerate() {
            if meta.verdict != Verdict::Forward || !meta.leaf.is_paths() {
                continue;
            }
            let (start, end) = (usize::from(meta.at), usize::from(meta.at) + usize::from(meta.len));
            let flow = flow(self.tables.interfaces.seed, buffer.data().get(start..end).unwrap_or_default());
            let leaf = self.tables.paths.choose(meta.leaf.index(), flow, leads_somewhere);
            if leaf.is_peer() {
                self.ask_receiver(leaf);
            }
            // There is room: each packet of the burst comes once.
            let _ = chosen.try_push((at as u8, flow, leaf));
        }
        for (at, flow, leaf) in chosen {
            let Some(meta) = metas.get_mut(usize::from(at)) else { continue };
            meta.leaf = match self.is_usable(leaf) {
                true => leaf,
                false => self.tables.paths.choose(meta.leaf.index(), flow, |leaf| self.is_usable(leaf)),
            };
        }
    }

    /// Whether packets can leave by the leaf at this moment.
    fn is_usable(&self, leaf: Leaf) -> bool {
        match leaf.kind() {
            Kind::Peer => {
                let to = self.tables.adjacencies.read(leaf.index());
                to.is_some_and(|to| !to.protected() || to.sa().is_some())
            }
            // Links are indexed with 16 bits, which the updater has checked.
            Kind::Link => self.tables.links.read(leaf.index() as LinkId).is_some(),
            _ => leads_somewhere(leaf),
        }
    }
}
