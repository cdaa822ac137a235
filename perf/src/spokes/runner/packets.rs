//! Packets of the spokes' tunnels, out of them and into them.

use super::super::responder::echo_reply;
use super::super::underlay::Received;
use super::{BURST, Runner};
use std::net::Ipv4Addr;
use wire::{gre, ip4};

impl Runner {
    /// A packet of the underlay, decapsulated.
    pub(super) fn packet(&mut self, packet: Received<'_>, now: u64) {
        let index = packet.destination.to_bits().wrapping_sub(self.args.nbma.to_bits());
        let Some(client) = self.clients.get_mut(index as usize) else {
            self.totals.stray += 1;
            return;
        };
        match packet.protocol {
            gre::PROTO_NHRP => {
                self.totals.nhrp_received += 1;
                client.packet(&self.common, packet.source, packet.payload, now, &mut self.outputs);
                self.schedule(index);
                self.perform(index, now);
            }
            gre::PROTO_IPV4 => {
                if packet.source == self.common.hub {
                    self.totals.from_hub += 1;
                } else {
                    self.totals.direct += 1;
                }
                self.inner(index as usize, packet.payload, now);
            }
            _ => self.totals.stray += 1,
        }
    }

    /// A packet out of the tunnel of one spoke.
    fn inner(&mut self, index: usize, octets: &[u8], now: u64) {
        if let Some(tun) = self.tuns.get(index) {
            if !matches!(tun.write(octets), Ok(Some(_))) {
                self.totals.send_errors += 1;
            }
            return;
        }
        let mine = |packet: &ip4::Packet<'_>| {
            self.clients.get(index).is_some_and(|client| client.me.owns(packet.destination()))
        };
        let Some(packet) = ip4::parse(octets).ok().filter(mine) else {
            self.totals.stray += 1;
            return;
        };
        if self.traffic.as_mut().is_some_and(|traffic| traffic.receive(&packet, index)) {
            return;
        }
        if let Some(answer) = self.bfd.as_mut().and_then(|sessions| sessions.answer(&packet, index)) {
            if !answer.is_empty() {
                self.outer(index, packet.source(), ip4::TOS_CS6, &answer, now);
            }
            return;
        }
        match echo_reply(&packet) {
            Some(reply) => {
                self.totals.echoed += 1;
                self.outer(index, packet.source(), packet.tos(), &reply, now);
            }
            None => self.totals.stray += 1,
        }
    }

    /// Sends an inner packet by the way the spoke knows; `false`: the kernel did not take it.
    pub(super) fn outer(
        &mut self,
        index: usize,
        destination: Ipv4Addr,
        tos: u8,
        octets: &[u8],
        now: u64,
    ) -> bool {
        let Some(client) = self.clients.get_mut(index) else { return false };
        if self.args.resolve && !destination.is_multicast() && destination != self.common.hub_tunnel {
            client.resolve(destination, now);
            self.schedule(index as u32);
        }
        let Some(client) = self.clients.get(index) else { return false };
        let to = client.next_hop(&self.common, destination, now);
        let index = index as u32;
        let direct = self.transmit(index, to, tos, gre::PROTO_IPV4, octets, now);
        // Until the direct way is protected, packets take the one through the hub.
        let sent = match direct {
            None if to != self.common.hub => {
                self.transmit(index, self.common.hub, tos, gre::PROTO_IPV4, octets, now)
            }
            other => other,
        };
        self.totals.send_errors += u64::from(sent == Some(false));
        sent == Some(true)
    }

    pub(super) fn read_tuns(&mut self, buffer: &mut [u8], now: u64) -> usize {
        let mut taken = 0;
        for index in 0..self.tuns.len() {
            for _ in 0..BURST {
                let Some(Ok(Some(length))) = self.tuns.get(index).map(|tun| tun.read(buffer)) else { break };
                taken += 1;
                let octets = buffer.get(..length).unwrap_or_default();
                // The kernel also sends IPv6 neighbour discovery into the device: not for this tunnel.
                if let Ok(packet) = ip4::parse(octets) {
                    self.outer(index, packet.destination(), packet.tos(), octets, now);
                }
            }
        }
        taken
    }
}
