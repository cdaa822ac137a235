//! The NHRP packets a spoke sends, as Cisco spokes send them.

use super::plan::Identity;
use std::net::{IpAddr, Ipv4Addr};
use wire::nhrp::{Builder, Cie, CieCode, ExtensionType, Flags, Head, Packet, PacketType, TooLong};

/// Hop count of what a spoke originates.
const HOPS: u8 = 255;

/// What all spokes have in common.
#[derive(Clone, Debug)]
pub struct Common {
    /// NBMA address of the hub.
    pub hub: Ipv4Addr,
    /// Tunnel address of the hub.
    pub hub_tunnel: Ipv4Addr,
    /// Password.
    pub password: Option<Vec<u8>>,
    /// Register uniquely.
    pub unique: bool,
    /// Holding time in seconds.
    pub holdtime: u16,
    /// React to traffic indications.
    pub shortcut: bool,
}

fn head(kind: PacketType, flags: u16, id: u32, spoke: &Identity, destination: Ipv4Addr) -> Head {
    Head {
        kind,
        hop_count: HOPS,
        flags: Flags(flags),
        request_id: id,
        source_nbma: spoke.claimed.into(),
        source_protocol: spoke.tunnel.into(),
        destination_protocol: destination.into(),
    }
}

/// Extensions in the order Cisco sends them: responder, transit records, password, NAT, End.
fn extensions(builder: &mut Builder, common: &Common, nat: &[Cie]) {
    for kind in [ExtensionType::Responder, ExtensionType::ForwardTransit, ExtensionType::ReverseTransit] {
        builder.extension(kind, true, &[]);
    }
    tail(builder, common, nat);
}

fn tail(builder: &mut Builder, common: &Common, nat: &[Cie]) {
    if let Some(password) = &common.password {
        builder.authentication(password);
    }
    builder.list(ExtensionType::Nat, false, nat).end();
}

fn binding(nbma: Ipv4Addr, protocol: Ipv4Addr) -> Cie {
    Cie { prefix_len: 32, nbma: Some(nbma.into()), protocol: Some(protocol.into()), ..Cie::EMPTY }
}

/// Registration request (RFC 2332 5.2.3): one entry without addresses, which stands for the header's.
pub fn registration(common: &Common, spoke: &Identity, id: u32) -> Result<Vec<u8>, TooLong> {
    let flags = Flags::NAT | if common.unique { Flags::UNIQUE } else { 0 };
    let mut builder =
        Builder::message(&head(PacketType::RegistrationRequest, flags, id, spoke, common.hub_tunnel));
    let prefix_len = if common.unique { 255 } else { 32 };
    builder.cie(&Cie { prefix_len, holding_time: common.holdtime, ..Cie::EMPTY });
    // The NAT extension of a registration says where the spoke believes the hub to be.
    extensions(&mut builder, common, &[binding(common.hub, common.hub_tunnel)]);
    builder.finish()
}

/// Resolution request (5.2.1) for any address behind the tunnel.
pub fn resolution(
    common: &Common,
    spoke: &Identity,
    public: Option<Ipv4Addr>,
    id: u32,
    target: Ipv4Addr,
) -> Result<Vec<u8>, TooLong> {
    let flags = Flags::ROUTER | Flags::AUTHORITATIVE | Flags::SOURCE_STABLE | Flags::NAT;
    let mut builder = Builder::message(&head(PacketType::ResolutionRequest, flags, id, spoke, target));
    builder.cie(&Cie { prefix_len: 32, holding_time: common.holdtime, ..Cie::EMPTY });
    let nat = public.map(|public| binding(public, spoke.tunnel));
    extensions(&mut builder, common, nat.as_slice());
    builder.finish()
}

/// Resolution reply (5.2.2) to a request for an address of this spoke's.
pub fn resolution_reply(
    common: &Common,
    spoke: &Identity,
    public: Option<Ipv4Addr>,
    request: &Packet<'_>,
    target: Ipv4Addr,
) -> Result<Vec<u8>, TooLong> {
    let asked = request.flags().0 & (Flags::ROUTER | Flags::SOURCE_STABLE | Flags::NAT);
    let mut builder = Builder::message(&Head {
        kind: PacketType::ResolutionReply,
        hop_count: HOPS,
        flags: Flags(asked | Flags::AUTHORITATIVE | Flags::DESTINATION_STABLE),
        request_id: request.request_id(),
        source_nbma: request.source_nbma(),
        source_protocol: request.source_protocol(),
        destination_protocol: request.destination_protocol(),
    });
    let prefix_len = spoke.lan.filter(|lan| lan.contains(target)).map_or(32, |lan| lan.len);
    let own = Cie { prefix_len, holding_time: common.holdtime, ..binding(spoke.claimed, spoke.tunnel) };
    builder.cie(&own);
    builder.list(ExtensionType::Responder, true, [&own]);
    // The record of the servers on the way goes back as it came (5.3.2).
    let record = request.extension(ExtensionType::ForwardTransit).map_or(&[][..], |record| record.value);
    builder.extension(ExtensionType::ForwardTransit, true, record);
    builder.extension(ExtensionType::ReverseTransit, true, &[]);
    let mut nat: Vec<Cie> = nat_entries(request).collect();
    nat.extend(public.map(|public| binding(public, spoke.tunnel)));
    tail(&mut builder, common, &nat);
    builder.finish()
}

/// Purge reply (5.2.6): the request's addresses and entries.
pub fn purge_reply(common: &Common, request: &Packet<'_>) -> Result<Vec<u8>, TooLong> {
    let mut builder = Builder::message(&Head {
        kind: PacketType::PurgeReply,
        hop_count: HOPS,
        flags: Flags(request.flags().0 & Flags::NAT),
        request_id: request.request_id(),
        source_nbma: request.source_nbma(),
        source_protocol: request.source_protocol(),
        destination_protocol: request.destination_protocol(),
    });
    for cie in request.cies() {
        builder.cie(&cie);
    }
    extensions(&mut builder, common, &[]);
    builder.finish()
}

/// Entries of a packet's NAT extension.
pub fn nat_entries<'a>(packet: &Packet<'a>) -> impl Iterator<Item = Cie> + use<'a> {
    let extension = packet.extension(ExtensionType::Nat);
    let packet = *packet;
    extension.into_iter().flat_map(move |extension| packet.list(&extension))
}

/// The public NBMA address that the NAT extension gives for a protocol address.
pub fn public_address(packet: &Packet<'_>, protocol: Ipv4Addr) -> Option<Ipv4Addr> {
    nat_entries(packet)
        .filter(|cie| cie.protocol == Some(IpAddr::V4(protocol)))
        .find_map(|cie| ipv4(cie.nbma))
}

/// The address if it is IPv4.
pub fn ipv4(address: Option<IpAddr>) -> Option<Ipv4Addr> {
    match address {
        Some(IpAddr::V4(address)) => Some(address),
        _ => None,
    }
}

/// Whether an entry says yes.
pub fn accepted(cie: &Cie) -> bool {
    cie.code == CieCode::Ok
}
