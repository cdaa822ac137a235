//! Packets of control's: NHRP and IKE; and what the kernel is to see.
//!
//! In: a message and whom it is for. Out: frames, or a tunnel's twin. Drops: `bad_inject`, and what the outputs drop. NHRP
//! and IKE are sent with DSCP CS6 (RFC 4594 3.1). Neither protocol's messages may be refused for their length, so the
//! outer packet is fragmented when it must be, as any host's.

use crate::adjacency::Adjacency;
use crate::meta::NO_PEER;
use crate::sink::Sink;
use crate::turn::Turn;
use shm::message::{Inject, LinkId, Protection, TunnelId};
use std::net::Ipv4Addr;
use wire::buffer::{BufferPool, PacketBuffer};
use wire::{esp, gre, ip4, udp};

impl<P: BufferPool, S: Sink<P::Buffer>> Turn<'_, P, S> {
    /// Sends it. `None`: it cannot be encapsulated, and was not counted yet.
    pub(crate) fn inject(&mut self, inject: &Inject<'_>) -> Option<()> {
        match *inject {
            Inject::Nhrp { tunnel, nbma, link, protection, packet } => {
                self.nhrp_output(tunnel, nbma, link, protection, packet)?;
            }
            Inject::Ike { local, local_port, nbma, port, link, packet } => {
                self.ike_output((local, local_port), (nbma, port), link, packet)?;
            }
            Inject::Twin { tunnel, packet } => {
                self.tables.settings.tunnels.get(usize::from(tunnel))?;
                let whole = ip4::parse(packet).is_ok_and(|parsed| parsed.total_len() == packet.len());
                let copy = whole.then(|| self.copy_of(packet)).flatten()?;
                self.packet_to_twin(tunnel, copy);
            }
        }
        self.seal();
        Some(())
    }

    /// GRE protocol type 0x2001, no inner IP header.
    fn nhrp_output(
        &mut self,
        id: TunnelId,
        nbma: Ipv4Addr,
        link_id: LinkId,
        protection: Option<Protection>,
        message: &[u8],
    ) -> Option<()> {
        let tunnel = self.tables.settings.tunnels.get(usize::from(id))?;
        if tunnel.protected != protection.is_some() {
            return None;
        }
        let link = self.link(link_id)?;
        let mtu = link.mtu();
        let to = Adjacency::new(id, tunnel, nbma, link_id, mtu, protection).carrying(gre::PROTO_NHRP);
        let len = u16::try_from(message.len()).ok()?;
        let mut packet = self.state.pool.allocate()?;
        packet.append(message.len())?.copy_from_slice(message);
        let overhead = tunnel.overhead();
        if tunnel.protected || len.checked_add(overhead)? <= mtu {
            if self.encapsulate(&to, ip4::TOS_CS6, len, packet) {
                self.count_tx(id, NO_PEER, len);
            }
            return Some(());
        }
        let outer = to.outer(ip4::TOS_CS6, len.checked_add(overhead)?, self.state.next_id());
        let outer = outer.get(..usize::from(overhead))?;
        packet.prepend(outer.len())?.copy_from_slice(outer);
        self.fragments_output(&link, packet);
        self.count_tx(id, NO_PEER, len);
        Some(())
    }

    /// UDP from port 500, or from 4500 with the non-ESP marker (RFC 3948 2.2).
    fn ike_output(
        &mut self,
        (local, local_port): (Ipv4Addr, u16),
        (nbma, port): (Ipv4Addr, u16),
        link: LinkId,
        message: &[u8],
    ) -> Option<()> {
        let tunnels = &self.tables.settings.tunnels;
        let tunnel = tunnels.iter().find(|tunnel| tunnel.protected && tunnel.source == local)?;
        let marker: &[u8] = match local_port {
            esp::PORT_IKE => &[],
            esp::PORT_NATT => &esp::NON_ESP_MARKER,
            _ => return None,
        };
        let link = self.link(link)?;
        let mut packet = self.state.pool.allocate()?;
        let datagram = packet.append(udp::LEN + marker.len() + message.len())?;
        let (before, payload) = datagram.split_at_mut_checked(udp::LEN + marker.len())?;
        before.get_mut(udp::LEN..)?.copy_from_slice(marker);
        payload.copy_from_slice(message);
        udp::emit(datagram, local_port, port, local, nbma)?;
        let fields = ip4::Fields {
            tos: ip4::TOS_CS6,
            total_len: u16::try_from(ip4::LEN + packet.len()).ok()?,
            id: self.state.next_id(),
            flags_offset: 0,
            ttl: tunnel.ttl,
            protocol: ip4::protocol::UDP,
            source: local,
            destination: nbma,
        };
        fields.emit(packet.prepend(ip4::LEN)?)?;
        self.fragments_output(&link, packet);
        Some(())
    }
}
