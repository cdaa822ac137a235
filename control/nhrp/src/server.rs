//! The server: its state, and where each packet goes.

use crate::answers::Answers;
use crate::cache::Cache;
use crate::error::Errors;
use crate::failures::Failures;
use crate::ingress::{Ingress, is_martian};
use crate::limits::SendWindow;
use crate::redirect::Redirects;
use crate::report::Reports;
use crate::withdraw::Purges;
use crate::{
    Action, ConfigError, DropReason, Overlay, ServerConfig, ServerCounters, Station, TunnelConfig,
    TunnelCounters, TunnelId,
};
use seeded::{Seeded, mix};
use std::net::Ipv4Addr;
use wire::nhrp::{ChecksumRule, ErrorClass, ErrorCode, ExtensionType, Packet, PacketType, TooLong};

/// ar$hopcnt of packets made here: Cisco's. Cisco refuses 0.
pub(crate) const HOP_COUNT: u8 = 255;

/// The NHRP server of all tunnels.
pub struct Server {
    pub(crate) config: ServerConfig,
    pub(crate) tunnels: Vec<TunnelState>,
    pub(crate) cache: Cache,
    pub(crate) answers: Answers,
    pub(crate) failures: Failures,
    pub(crate) purges: Purges,
    pub(crate) errors: Errors,
    pub(crate) redirects: Redirects,
    pub(crate) reports: Reports,
    pub(crate) counters: ServerCounters,
}

/// What changes about a tunnel.
#[derive(Default)]
pub(crate) struct TunnelState {
    pub(crate) counters: TunnelCounters,
    pub(crate) window: SendWindow,
}

/// Who made a packet that is sent.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Origin {
    Own,
    Forwarded,
}

impl Server {
    /// A server with an empty cache. [`Server::start`] brings the static maps.
    pub fn new(config: ServerConfig) -> Result<Self, ConfigError> {
        config.check()?;
        let hash = Seeded(config.seed);
        Ok(Self {
            tunnels: config.tunnels.iter().map(|_| TunnelState::default()).collect(),
            cache: Cache::new(config.max_bindings, hash),
            answers: Answers::new(),
            failures: Failures::new(config.max_failures, hash),
            purges: Purges::new(mix(config.seed) as u32, hash),
            errors: Errors::new(hash),
            redirects: Redirects::new(hash),
            reports: Reports::new(hash),
            counters: ServerCounters::default(),
            config,
        })
    }

    /// Takes an NHRP packet (from ar$afn on) that came in by `tunnel` from a station: of a tunnel without protection
    /// its outer source address will do.
    pub fn packet(
        &mut self,
        now_ms: u64,
        tunnel: TunnelId,
        station: impl Into<Station>,
        packet: &[u8],
        overlay: &impl Overlay,
        actions: &mut Vec<Action>,
    ) {
        let station = station.into();
        self.tick(now_ms, actions);
        let Some(config) = self.tunnel(tunnel) else {
            self.counters.unknown_tunnel += 1;
            return;
        };
        let rule =
            if config.legacy_odd_checksum { ChecksumRule::AcceptLegacyOdd } else { ChecksumRule::Strict };
        let reason = match Packet::parse(packet, rule).map(|p| Ingress::new(now_ms, tunnel, station, p)) {
            Ok(Some(ingress)) => {
                self.count(tunnel, |counters| counters.received.add(ingress.kind() as u8));
                if !self.is_martian_source(station.nbma) {
                    return self.dispatch(&ingress, overlay, actions);
                }
                DropReason::Martian
            }
            // IPv6 on either side is parsed, and not served.
            Ok(None) => DropReason::Header,
            Err(error) => match error.class() {
                ErrorClass::Truncated => DropReason::Truncated,
                ErrorClass::Checksum => DropReason::Checksum,
                ErrorClass::Header => DropReason::Header,
                ErrorClass::ExtensionOffset => DropReason::ExtensionOffset,
                ErrorClass::Cie => DropReason::Cie,
                ErrorClass::Extension => DropReason::Extension,
            },
        };
        // What cannot be parsed is not answered: its source cannot be trusted (RFC 2332 5.2.7 allows error 7).
        self.drop_from(now_ms, tunnel, station, None, reason, actions);
    }

    fn dispatch(&mut self, ingress: &Ingress<'_>, overlay: &impl Overlay, actions: &mut Vec<Action>) {
        if !self.authenticate(ingress, actions) {
            return;
        }
        if self.has_looped(ingress) {
            self.send_error(ingress, ErrorCode::LoopDetected, 0, actions);
            return self.drop_packet(ingress, DropReason::Loop, actions);
        }
        match ingress.kind() {
            PacketType::RegistrationRequest => self.registration(ingress, overlay, actions),
            PacketType::ResolutionRequest => self.resolution(ingress, overlay, actions),
            PacketType::PurgeRequest => self.purge_request(ingress, overlay, actions),
            PacketType::ResolutionReply | PacketType::RegistrationReply | PacketType::PurgeReply => {
                self.reply_received(ingress, overlay, actions);
            }
            PacketType::ErrorIndication => self.error_received(ingress, overlay, actions),
            // The hub has no shortcuts to make.
            PacketType::TrafficIndication => self.drop_packet(ingress, DropReason::Indication, actions),
        }
    }

    /// Whether a packet to us holds a compulsory extension that we do not know: it is answered with error 1.
    pub(crate) fn refuse_unknown_extension(
        &mut self,
        ingress: &Ingress<'_>,
        actions: &mut Vec<Action>,
    ) -> bool {
        let Some(kind) = ingress.packet.unknown_compulsory() else { return false };
        self.send_error(ingress, ErrorCode::UnrecognizedExtension, ingress.offset_of(kind), actions);
        self.drop_packet(ingress, DropReason::UnknownExtension, actions);
        true
    }

    /// Whether a request comes from a station that may ask, which is one that registered or is mapped.
    pub(crate) fn admit_peer(&mut self, ingress: &Ingress<'_>, actions: &mut Vec<Action>) -> bool {
        let required = self.tunnel(ingress.tunnel).is_some_and(|tunnel| tunnel.require_registration);
        if !required || self.is_known(ingress.tunnel, &ingress.station) {
            return true;
        }
        self.drop_packet(ingress, DropReason::UnknownPeer, actions);
        false
    }

    /// Whether anything is bound to a station.
    pub(crate) fn is_known(&self, tunnel: TunnelId, station: &Station) -> bool {
        !self.cache.of(tunnel, station.owner()).is_empty()
    }

    /// Whether the packet went through this hub before (RFC 2332 5.3.1 to 5.3.3): a request that has our entry in its
    /// forward record, a reply that has it in its reverse record or as its responder.
    fn has_looped(&self, ingress: &Ingress<'_>) -> bool {
        let records: &[ExtensionType] = match ingress.kind() {
            PacketType::ErrorIndication | PacketType::TrafficIndication => return false,
            kind if kind.is_reply() => &[ExtensionType::ReverseTransit, ExtensionType::Responder],
            _ => &[ExtensionType::ForwardTransit],
        };
        let entries = records.iter().filter_map(|kind| ingress.packet.extension(*kind));
        entries.flat_map(|extension| ingress.packet.list(&extension)).any(|cie| {
            self.config.tunnels.iter().any(|tunnel| {
                cie.protocol == Some(tunnel.address.into()) && cie.nbma.is_none_or(|nbma| nbma == tunnel.nbma)
            })
        })
    }

    fn is_martian_source(&self, nbma: Ipv4Addr) -> bool {
        is_martian(nbma) || self.config.tunnels.iter().any(|tunnel| tunnel.nbma == nbma)
    }

    /// Whether a station calls us by this address. A spoke that does not know its server yet registers at its own
    /// address (FRR's `nhs dynamic`), others at the subnet's broadcast address.
    pub(crate) fn is_local(&self, ingress: &Ingress<'_>) -> bool {
        let destination = ingress.destination;
        self.is_own(ingress.tunnel, destination)
            || destination == ingress.source
            || self.tunnel(ingress.tunnel).is_some_and(|tunnel| tunnel.broadcast() == Some(destination))
    }

    /// Whether an address is one of the hub's tunnel addresses, in the VRF of a tunnel.
    pub(crate) fn is_own(&self, from: TunnelId, address: Ipv4Addr) -> bool {
        let vrf = self.tunnel(from).map(|tunnel| tunnel.vrf);
        self.config.tunnels.iter().any(|tunnel| tunnel.address == address && Some(tunnel.vrf) == vrf)
    }

    /// Emits a packet and counts it; over the tunnel's rate it is dropped.
    pub(crate) fn send(
        &mut self,
        now_ms: u64,
        tunnel: TunnelId,
        to: Station,
        packet: Result<Vec<u8>, TooLong>,
        origin: Origin,
        actions: &mut Vec<Action>,
    ) -> bool {
        let Some((config, state)) = self.state(tunnel) else { return false };
        let Ok(packet) = packet else {
            state.counters.drops[DropReason::TooLong as usize] += 1;
            return false;
        };
        if !state.window.take(now_ms, config.max_send) {
            state.counters.drops[DropReason::SendLimit as usize] += 1;
            return false;
        }
        let kind = packet.get(17).copied().unwrap_or(0);
        match origin {
            Origin::Own => state.counters.sent.add(kind),
            Origin::Forwarded => state.counters.forwarded.add(kind),
        }
        actions.push(Action::Send { tunnel, to, packet });
        true
    }

    /// One tunnel's configuration.
    pub fn tunnel(&self, tunnel: TunnelId) -> Option<&TunnelConfig> {
        self.config.tunnels.iter().find(|config| config.id == tunnel)
    }

    pub(crate) fn state(&mut self, tunnel: TunnelId) -> Option<(&TunnelConfig, &mut TunnelState)> {
        let mut both = self.config.tunnels.iter().zip(&mut self.tunnels);
        both.find(|(config, _)| config.id == tunnel)
    }

    pub(crate) fn count(&mut self, tunnel: TunnelId, change: impl FnOnce(&mut TunnelCounters)) {
        if let Some((_, state)) = self.state(tunnel) {
            change(&mut state.counters);
        }
    }
}
