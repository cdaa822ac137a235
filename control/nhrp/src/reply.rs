//! Replies: the head goes back as it came, the extensions as the responder fills them.

use crate::ingress::{Ingress, self_cie};
use crate::server::{HOP_COUNT, Origin};
use crate::{Action, Server};
use std::net::Ipv4Addr;
use wire::nhrp::{Builder, Cie, ExtensionType, Flags, Head, PacketType};

/// What a reply says beyond what it copies.
pub(crate) struct Reply<'a> {
    pub(crate) kind: PacketType,
    pub(crate) flags: u16,
    pub(crate) destination: Ipv4Addr,
    pub(crate) cies: &'a [Cie],
    /// Prefix length in the responder extension: Cisco has 32 in registration replies and 0 in resolution replies.
    pub(crate) responder_prefix: u8,
    /// What becomes of a NAT extension.
    pub(crate) nat: Nat,
}

/// What a NAT extension holds in a reply.
#[derive(Clone, Copy)]
pub(crate) enum Nat {
    /// What it held in the request, and this entry after it.
    Copy(Option<Cie>),
    /// This entry alone, or nothing.
    Only(Option<Cie>),
}

impl Server {
    /// Answers a packet, to the previous hop.
    pub(crate) fn reply(&mut self, ingress: &Ingress<'_>, reply: &Reply<'_>, actions: &mut Vec<Action>) {
        let Some(tunnel) = self.tunnel(ingress.tunnel) else { return };
        let packet = &ingress.packet;
        let mut builder = Builder::message(&Head {
            kind: reply.kind,
            hop_count: HOP_COUNT,
            flags: Flags(reply.flags),
            request_id: packet.request_id(),
            source_nbma: packet.source_nbma(),
            source_protocol: packet.source_protocol(),
            destination_protocol: reply.destination.into(),
        });
        for cie in reply.cies {
            builder.cie(cie);
        }
        // In the request's order. What is not known here is not copied: 5.3 leaves it to who does know it.
        for extension in packet.extensions() {
            match extension.kind {
                ExtensionType::Responder => {
                    builder.list(extension.kind, true, &[self_cie(tunnel, reply.responder_prefix)]);
                }
                ExtensionType::ForwardTransit | ExtensionType::ReverseTransit => {
                    builder.raw_extension(extension.raw_type, extension.value);
                }
                // Regenerated, never copied (5.3.4).
                ExtensionType::Authentication => {
                    if let Some(ours) = &tunnel.authentication {
                        builder.authentication(ours.password());
                    }
                }
                ExtensionType::Nat if extension.is_list() => {
                    let (mut value, more) = match reply.nat {
                        Nat::Copy(more) => (extension.value.to_vec(), more),
                        Nat::Only(more) => (Vec::new(), more),
                    };
                    if let Some(cie) = more {
                        cie.emit(&mut value);
                    }
                    builder.raw_extension(extension.raw_type, &value);
                }
                _ => {}
            }
        }
        if packet.has_extensions() {
            builder.end();
        }
        self.send(ingress.now_ms, ingress.tunnel, ingress.station, builder.finish(), Origin::Own, actions);
    }
}

/// An entry of the NAT extension: a station's address as the hub sees it.
pub(crate) fn nat_cie(nbma: Ipv4Addr, protocol: Ipv4Addr) -> Cie {
    Cie { prefix_len: 32, nbma: Some(nbma.into()), protocol: Some(protocol.into()), ..Cie::EMPTY }
}
