//! Lines for operators. Mnemonics are those that monitoring systems already look for.

use crate::ike::sessions::Session;
use crate::prefix::Net;
use crate::state::Recursion;
use config::Config;
use nhrp::{LogEvent, LogKind};
use shm::drops::DropReason;
use shm::message::TunnelId;
use std::net::Ipv4Addr;

/// Name and tunnel address of a tunnel.
fn tunnel(config: &Config, id: TunnelId) -> (&str, Ipv4Addr, Ipv4Addr) {
    match config.tunnel.get(usize::from(id)) {
        Some(tunnel) => (&tunnel.name, tunnel.address.address, tunnel.source),
        None => ("Tunnel?", Ipv4Addr::UNSPECIFIED, Ipv4Addr::UNSPECIFIED),
    }
}

/// A route that would lead a tunnel into a tunnel; `None`: not any more.
pub fn recursion(config: &Config, prefix: Net, found: Option<Recursion>) {
    let Some(Recursion { tunnel: id, nbma, reachable }) = found else {
        return tracing::info!("%TUN-5-RECURUP: {prefix} no longer leads tunnels into a tunnel");
    };
    let (name, ..) = tunnel(config, id);
    let instead = match reachable {
        true => "the underlay's own route is taken",
        false => "the underlay has no other: give its ports a route to it",
    };
    tracing::warn!(
        "%TUN-5-RECURDOWN: {name} would be routed into itself (recursive routing): {prefix}, learnt through it, covers \
         the NBMA address {nbma} of a spoke; refused as a way there, {instead}. Do not announce underlay networks \
         over the tunnel"
    );
}

/// The kernel cannot make VRF devices.
pub fn no_vrf_devices(name: &str, error: &std::io::Error) {
    tracing::error!(
        "%VRF-3-NODEVICE: the kernel has no VRF devices (VRF {name}: {error}): packets are forwarded by the VRFs' tables \
         all the same, but what the kernel itself sends (ping, routing daemons) goes by its main table. Load the module \
         (`modprobe vrf`, CONFIG_NET_VRF) and start hub-control again"
    );
}

/// Logs what the NHRP server has to say.
pub fn nhrp(config: &Config, event: &LogEvent) {
    let (name, hub, source) = tunnel(config, event.tunnel);
    let spoke = event.protocol.map_or("UNKNOWN".to_string(), |address| address.to_string());
    let nbma = event.nbma;
    let pair = format!("(Tunnel: {spoke} NBMA: {nbma}) for (Tunnel: {hub} NBMA: {source})");
    let left_out = match event.suppressed {
        0 => String::new(),
        n => format!(" ({n} more like this left out)"),
    };
    match event.kind {
        LogKind::Up => tracing::info!("%DMVPN-5-NHRP_NHC_UP: {name}: NHC {pair} is UP{left_out}"),
        LogKind::Moved { from } => {
            tracing::info!(
                "%DMVPN-5-NHRP_NHC_UP: {name}: NHC {pair} is UP, moved from NBMA {from}{left_out}"
            );
        }
        LogKind::Down(reason) => tracing::warn!(
            "%DMVPN-5-NHRP_NHC_DOWN: {name}: NHC {pair} is DOWN, Reason: External({}){left_out}",
            reason.text()
        ),
        LogKind::AuthenticationFailed { packet_type, missing } => {
            let packet = nhrp::ByType::NAMES.get(usize::from(packet_type)).copied().unwrap_or("packet");
            let what = if missing { "no authentication string" } else { "wrong authentication string" };
            tracing::warn!(
                "%DMVPN-3-DMVPN_NHRP_ERROR: {name}: Received {what} for {packet}, \
                 Reason: authentication failure (11) on (Tunnel: {spoke} NBMA: {nbma}){left_out}"
            );
        }
        _ if event.kind.is_warning() => tracing::warn!("%NHRP-3-PAKERROR: {name}: {event}"),
        _ => tracing::info!("%NHRP-6-NOTICE: {name}: {event}"),
    }
}

/// Logs what the IKE responder has to say. Of what fails, which end has to be changed is in the text.
pub fn ike(event: &ike::LogEvent) {
    use ike::LogKind as Kind;
    match &event.kind {
        Kind::Up { .. } => tracing::info!("%CRYPTO-5-SESSION_STATUS: Crypto tunnel is UP: {event}"),
        Kind::Down(_) if event.kind.is_warning() => {
            tracing::warn!("%CRYPTO-5-SESSION_STATUS: Crypto tunnel is DOWN: {event}");
        }
        Kind::Down(_) => tracing::info!("%CRYPTO-5-SESSION_STATUS: Crypto tunnel is DOWN: {event}"),
        Kind::ChildUp { .. } | Kind::ChildDown { .. } => {
            tracing::debug!("%CRYPTO-6-IPSEC_SA: {event}");
        }
        Kind::Rekeyed => tracing::debug!("%IKEV2-6-REKEY: {event}"),
        Kind::Moved { .. } => tracing::info!("%IKEV2-5-MOVED: {event}"),
        Kind::Failed { .. } => tracing::warn!("%IKEV2-3-NEG_ABORT: {event}"),
    }
}

/// A peer with which IKE works, and whose ESP does not arrive.
pub fn esp_blocked(session: &Session, held: u64) {
    let (address, port) = session.path.remote;
    let lets = match session.encapsulation {
        ike::Encapsulation::Plain => "IP protocol 50",
        ike::Encapsulation::Udp(_) => "UDP port 4500 both ways, also for packets of full length",
    };
    let more = if held > 0 { format!(" ({held} more at this address left out)") } else { String::new() };
    tracing::warn!(
        "%CRYPTO-4-ESP_BLOCKED: peer {} at {address}:{port}: IKE is up and nothing was decrypted: \
         ESP blocked on the path; let pass {lets}{more}",
        session.identity.escape_debug()
    );
}

/// A session came or went, in the words that monitoring systems know of DMVPN: one line for each tunnel that it serves.
pub fn crypto_socket(config: &Config, path: &ike::Path, is_up: bool) {
    let (local, remote) = (path.local.0, path.remote.0);
    let word = if is_up { "UP" } else { "DOWN" };
    for tunnel in config.tunnel.iter().filter(|t| t.source == local && t.protection.is_some()) {
        let name = &tunnel.name;
        tracing::info!(
            "%DMVPN-5-CRYPTO_SS: {name}: local address : {local} remote address : {remote} socket is {word}"
        );
    }
}

/// A GRE packet that the data plane refused: who sent it, and what is wrong with it.
#[derive(Clone, Copy, Debug)]
pub struct Refusal {
    /// Why.
    pub reason: DropReason,
    /// Outer source address.
    pub nbma: Ipv4Addr,
    /// Outer destination address.
    pub local: Ipv4Addr,
    /// GRE key; of ESP the SPI.
    pub key: Option<u32>,
}

/// Whether a reason is about ESP, so that what is reported beside it is the SPI.
pub fn is_esp(reason: DropReason) -> bool {
    reason.name().starts_with("esp_") || reason == DropReason::SaSelectorMismatch
}

impl Refusal {
    /// The tunnel that was meant, where that is clear: the only one on this source, or the one with this key.
    pub fn tunnel(&self, config: &Config) -> Option<TunnelId> {
        let mut on_source = config.tunnel.iter().enumerate().filter(|(_, t)| t.source == self.local);
        let first = on_source.next()?;
        if on_source.next().is_none() {
            return Some(first.0 as TunnelId);
        }
        let same_key = |t: &config::model::Tunnel| t.source == self.local && t.key == self.key;
        config.tunnel.iter().position(same_key).map(|n| n as TunnelId)
    }

    /// The line for the log.
    pub fn text(&self, config: &Config) -> String {
        let Self { reason, nbma, local, key } = *self;
        match reason {
            DropReason::GreKeyMismatch => {
                let seen = key.map_or("GRE without a key".to_string(), |key| format!("GRE key {key}"));
                let have: Vec<String> = config
                    .tunnel
                    .iter()
                    .filter(|tunnel| tunnel.source == local)
                    .map(|tunnel| match tunnel.key {
                        Some(key) => format!("{} has {key}", tunnel.name),
                        None => format!("{} has none", tunnel.name),
                    })
                    .collect();
                let none = if key.is_some() { "no tunnel with that key" } else { "no tunnel without one" };
                format!("{seen} from {nbma} on source {local}: {none}; {}", have.join(", "))
            }
            DropReason::GreNoTunnel => {
                let sources: Vec<String> =
                    config.tunnel.iter().map(|t| format!("{} on {}", t.name, t.source)).collect();
                format!(
                    "GRE from {nbma} to {local}: no tunnel has that source; there is {}",
                    sources.join(", ")
                )
            }
            DropReason::UnknownPeer => format!(
                "data from {nbma} on source {local}: not registered; \
                 check `ip nhrp nhs` on the spoke, or map it with [[tunnel.nhrp.map]]"
            ),
            other if is_esp(other) => {
                let spi = key.map_or(String::new(), |spi| format!(" with SPI {spi:08x}"));
                format!("ESP from {nbma} to {local}{spi} refused, {}: {}", other.name(), other.meaning())
            }
            other => {
                format!("GRE from {nbma} on source {local} refused, {}: {}", other.name(), other.meaning())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONFIG: &str = r#"
[hub]
name = "test"
[[port]]
name = "wan0"
device = "none"
role = "underlay"
address = ["203.0.113.1/24"]
[[tunnel]]
name = "Tunnel0"
interface = "gre0"
source = "203.0.113.1"
key = 42
address = "10.255.0.1/24"
nhrp = { network-id = 1 }
"#;

    #[test]
    fn a_refusal_names_spoke_and_cause() {
        let config = Config::parse("hub.toml", CONFIG).unwrap();
        let mut refusal = Refusal {
            reason: DropReason::GreKeyMismatch,
            nbma: [203, 0, 113, 12].into(),
            local: [203, 0, 113, 1].into(),
            key: Some(43),
        };
        assert_eq!(
            refusal.text(&config),
            "GRE key 43 from 203.0.113.12 on source 203.0.113.1: no tunnel with that key; Tunnel0 has 42"
        );
        assert_eq!(refusal.tunnel(&config), Some(0));
        refusal.key = None;
        assert_eq!(
            refusal.text(&config),
            "GRE without a key from 203.0.113.12 on source 203.0.113.1: no tunnel without one; Tunnel0 has 42"
        );
        refusal.reason = DropReason::UnknownPeer;
        assert!(
            refusal.text(&config).starts_with("data from 203.0.113.12 on source 203.0.113.1: not registered")
        );
    }
}
