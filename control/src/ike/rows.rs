//! Child SAs as the data plane is told them.

use config::Config;
use ike::{ChildInbound, ChildOutbound, Encapsulation, EspIntegrity, EspKeys, EspTransform, HARD_FACTOR};
use shm::message::{Encap, Keys, MAX_KEYS, Mode, SaInbound, SaOutbound, Transform};
use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use zeroize::Zeroizing;

/// Replay window of an SA for which no profile says another, in packets.
const DEFAULT_WINDOW: u16 = 1_024;
/// Greatest sequence number without ESN (RFC 4303 2.2): the SA must not send beyond.
const LAST_SEQUENCE: u64 = u32::MAX as u64;
/// The same with ESN. Its end is out of reach; half of it keeps sums from wrapping.
const LAST_EXTENDED: u64 = 1 << 63;

/// What child SAs are made with, by our address.
#[derive(Debug, Default)]
pub struct Profiles(BTreeMap<Ipv4Addr, Profile>);

/// What a `[[protection]]` says about SAs.
#[derive(Clone, Copy, Debug)]
struct Profile {
    window: u16,
    /// Packets after which the SA must not send any more; 0: as many as the sequence number allows.
    packets: u64,
}

impl Profiles {
    /// Those of all protected tunnels.
    pub fn new(config: &Config) -> Self {
        let tunnels = config.tunnel.iter().filter_map(|tunnel| {
            let profile = config.protection_of(tunnel)?;
            let packets = profile.lifetime_packets.unwrap_or(0);
            Some((tunnel.source, Profile { window: profile.replay_window, packets }))
        });
        Self(tunnels.collect())
    }

    /// The inbound half of a child SA. `None`: keys that fit no transform of the contract.
    pub fn inbound(&self, child: &ChildInbound) -> Option<SaInbound> {
        let (udp, encap) = encapsulation(child.encapsulation);
        Some(SaInbound {
            id: child.sa,
            spi: child.spi,
            tag: child.tag,
            session: child.session,
            local: child.local,
            nbma: child.remote,
            udp,
            encap,
            mode: mode(child.mode),
            esn: child.esn,
            window: self.0.get(&child.local).map_or(DEFAULT_WINDOW, |profile| profile.window),
            keys: keys(&child.keys)?,
        })
    }

    /// The outbound half, of an SA of `local`.
    pub fn outbound(&self, child: &ChildOutbound, local: Option<Ipv4Addr>) -> Option<SaOutbound> {
        let last = if child.esn { LAST_EXTENDED } else { LAST_SEQUENCE };
        let profile = local.and_then(|local| self.0.get(&local));
        let limit = profile.map(|profile| profile.packets).filter(|packets| *packets > 0);
        Some(SaOutbound {
            id: child.sa,
            spi: child.spi,
            tag: child.tag,
            mode: mode(child.mode),
            esn: child.esn,
            hard_packets: limit.map_or(last, |limit| limit.saturating_mul(HARD_FACTOR).min(last)),
            keys: keys(&child.keys)?,
        })
    }
}

/// The peer's port of UDP encapsulation, and which forms are accepted.
pub fn encapsulation(encapsulation: Encapsulation) -> (Option<u16>, Encap) {
    match encapsulation {
        Encapsulation::Plain => (None, Encap::Plain),
        Encapsulation::Udp(port) => (Some(port), Encap::Udp),
    }
}

fn mode(mode: ike::Mode) -> Mode {
    match mode {
        ike::Mode::Transport => Mode::Transport,
        ike::Mode::Tunnel { local, remote } => Mode::Tunnel { local, remote },
    }
}

fn transform(transform: EspTransform) -> Option<Transform> {
    use EspIntegrity::{Sha1_96, Sha256_128, Sha384_192, Sha512_256};
    Some(match transform {
        EspTransform::Gcm { key: 16 } => Transform::Gcm128,
        EspTransform::Gcm { key: 32 } => Transform::Gcm256,
        EspTransform::Cbc { key: 16, integrity: Sha1_96 } => Transform::Cbc128Sha1,
        EspTransform::Cbc { key: 16, integrity: Sha256_128 } => Transform::Cbc128Sha256,
        EspTransform::Cbc { key: 16, integrity: Sha384_192 } => Transform::Cbc128Sha384,
        EspTransform::Cbc { key: 16, integrity: Sha512_256 } => Transform::Cbc128Sha512,
        EspTransform::Cbc { key: 32, integrity: Sha1_96 } => Transform::Cbc256Sha1,
        EspTransform::Cbc { key: 32, integrity: Sha256_128 } => Transform::Cbc256Sha256,
        EspTransform::Cbc { key: 32, integrity: Sha384_192 } => Transform::Cbc256Sha384,
        EspTransform::Cbc { key: 32, integrity: Sha512_256 } => Transform::Cbc256Sha512,
        EspTransform::Gcm { .. } | EspTransform::Cbc { .. } => return None,
    })
}

fn keys(keys: &EspKeys) -> Option<Keys> {
    let mut material = Zeroizing::new([0; MAX_KEYS]);
    let (encryption, integrity) = (keys.encryption(), keys.integrity());
    let (first, rest) = material.split_at_mut_checked(encryption.len())?;
    first.copy_from_slice(encryption);
    rest.get_mut(..integrity.len())?.copy_from_slice(integrity);
    Keys::new(transform(keys.transform())?, material.get(..encryption.len() + integrity.len())?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_transform_that_may_be_negotiated_has_one_in_the_contract() {
        let octets: Vec<u8> = (1..=MAX_KEYS as u8).collect();
        let mut seen = Vec::new();
        for key in [16, 32] {
            let hashes = [
                EspIntegrity::Sha1_96,
                EspIntegrity::Sha256_128,
                EspIntegrity::Sha384_192,
                EspIntegrity::Sha512_256,
            ];
            let cbc = hashes.map(|integrity| EspTransform::Cbc { key, integrity });
            for esp in [EspTransform::Gcm { key }].into_iter().chain(cbc) {
                let material = &octets[..esp.key_material()];
                let told = keys(&EspKeys::new(esp, material).unwrap()).unwrap();
                assert_eq!((told.encryption().len(), told.material()), (esp.encryption_len(), material));
                seen.push(told.transform());
            }
        }
        seen.sort_by_key(|transform| *transform as u8);
        assert_eq!(seen, Transform::ALL);
    }
}
