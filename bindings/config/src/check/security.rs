//! `[ike]`, `[[protection]]` and the tunnels that name one.

use super::{distinct, list};
use crate::model::{Claim, ClaimPolicy, Config, KeyPeer, ModePolicy, Port, Protection, Tunnel};
use crate::nearest::nearest;
use crate::overhead::{self, Wrapping};
use crate::proposal::Proposal;
use crate::reader::Findings;
use std::collections::BTreeMap;

/// Rekeys more often than this are for tests.
const SHORT_LIFE: u32 = 120;
/// Pre-shared keys shorter than this can be found by trying.
const SHORT_KEY: usize = 12;

pub(super) fn check(config: &Config, findings: &mut Findings) {
    let profiles = config.protection.iter().enumerate();
    distinct(
        profiles.clone().map(|(i, profile)| (format!("protection[{i}].name"), profile.name.as_str())),
        "the name",
        findings,
    );
    for (index, profile) in profiles {
        self::profile(config, profile, &format!("protection[{index}]"), findings);
    }
    for (index, tunnel) in config.tunnel.iter().enumerate() {
        self::tunnel(config, index, tunnel, findings);
    }
    weak(&config.ike.proposals, "ike.proposals", findings);
    short(config.ike.lifetime, "ike.lifetime", findings);
    trust(config, findings);
    keys(config, findings);
    for (index, claim) in config.ike.claim.iter().enumerate() {
        self::claim(config, claim, &format!("ike.claim[{index}]"), findings);
    }
}

fn weak(proposals: &[Proposal], path: &str, findings: &mut Findings) {
    for (index, _) in proposals.iter().enumerate().filter(|(_, proposal)| proposal.weak) {
        let message = "SHA-1 is for spokes that cannot do better; every spoke that offers it may have it";
        findings.warning(&format!("{path}[{index}]"), message);
    }
}

fn short(seconds: u32, path: &str, findings: &mut Findings) {
    if seconds < SHORT_LIFE {
        let message = format!(
            "a rekey every {seconds} s keeps hub and spokes busy: {SHORT_LIFE} or more, unless to test"
        );
        findings.warning(path, message);
    }
}

fn profile(config: &Config, profile: &Protection, path: &str, findings: &mut Findings) {
    weak(&profile.proposals, &format!("{path}.proposals"), findings);
    short(profile.lifetime_seconds, &format!("{path}.lifetime-seconds"), findings);
    if profile.claims == ClaimPolicy::Listed && config.ike.claim.is_empty() {
        let message = "\"listed\" lets no spoke register without an [[ike.claim]], and there is none";
        findings.error(&format!("{path}.claims"), message);
    }
    if !config.tunnel.iter().any(|tunnel| tunnel.protection.as_deref() == Some(&profile.name)) {
        findings
            .warning(&format!("{path}.name"), format!("no tunnel has `protection = \"{}\"`", profile.name));
    }
}

fn tunnel(config: &Config, index: usize, tunnel: &Tunnel, findings: &mut Findings) {
    let path = format!("tunnel[{index}]");
    let place = format!("{path}.protection");
    // A spoke's IPsec takes all GRE between two addresses, whatever its key: tunnels of one source share their SA.
    let other = config.tunnel[..index].iter().find(|other| other.source == tunnel.source);
    if let Some(other) = other.filter(|other| other.protection != tunnel.protection) {
        let word = |tunnel: &Tunnel| {
            tunnel.protection.as_ref().map_or("no protection".into(), |name| format!("protection \"{name}\""))
        };
        let message = format!(
            "{} has the same source {} with {}, this one {}: tunnels of one source share their SAs and so their \
             protection",
            other.name,
            tunnel.source,
            word(other),
            word(tunnel)
        );
        findings.error(&place, message);
    }
    let Some(name) = &tunnel.protection else { return };
    let Some(profile) = config.protection_of(tunnel) else {
        let have = || config.protection.iter().map(|profile| profile.name.clone());
        let lower: Vec<String> = have().map(|name| name.to_ascii_lowercase()).collect();
        let lower: Vec<&str> = lower.iter().map(String::as_str).collect();
        let meant =
            nearest(name, &lower).and_then(|meant| have().find(|name| name.eq_ignore_ascii_case(meant)));
        let advice = match (meant, lower.is_empty()) {
            (Some(meant), _) => format!("did you mean \"{meant}\"?"),
            (None, true) => format!("write one, with `name = \"{name}\"`"),
            (None, false) => format!("there are {}", list(have())),
        };
        findings.error(&place, format!("no [[protection]] is called \"{name}\"; {advice}"));
        return;
    };
    if config.ike.key.is_empty() && config.ike.own.is_none() {
        let message = "spokes cannot be authenticated: write an [[ike.key]] with a pre-shared key, or give [ike] a \
                       `certificate`";
        findings.error(&place, message);
    }
    for map in 0..tunnel.nhrp.map.len() {
        let message = "on a protected tunnel a spoke is known by its IKE identity, not by its NBMA address: let it \
                       register, or move the mapping to a tunnel without protection";
        findings.error(&format!("{path}.nhrp.map[{map}]"), message);
    }
    for map in 0..tunnel.nhrp.map_multicast.len() {
        let message =
            "on a protected tunnel multicast goes to spokes that register: write `map-multicast-dynamic`";
        findings.error(&format!("{path}.nhrp.map-multicast[{map}]"), message);
    }
    let port = config.port.iter().find(|port| port.address.iter().any(|own| own.address == tunnel.source));
    if let Some(port) = port {
        fits(tunnel, profile, port, &format!("{path}.ip-mtu"), findings);
    }
}

/// Whether packets of `ip-mtu` fit the port: in the best case they must, in the one to expect they should.
fn fits(tunnel: &Tunnel, profile: &Protection, port: &Port, place: &str, findings: &mut Findings) {
    let gcm = [Proposal::preferred()];
    let proposals = if profile.proposals.is_empty() { &gcm[..] } else { &profile.proposals };
    let tunnel_mode = profile.mode == ModePolicy::Tunnel;
    let most = |udp| {
        move |proposal| {
            overhead::protected(port.mtu, tunnel.key.is_some(), Wrapping { proposal, tunnel_mode, udp })
        }
    };
    let best = proposals.iter().map(most(false)).max().unwrap_or(0);
    let expected = proposals.first().map_or(0, most(true));
    // What does not even fit in the clear was reported.
    if tunnel.ip_mtu > overhead::clear(port.mtu, tunnel.key.is_some()) {
    } else if tunnel.ip_mtu > best {
        let message = format!(
            "{} is too much: port {} has an MTU of {}, of which protection \"{}\" leaves {best} inside the tunnel",
            tunnel.ip_mtu, port.name, port.mtu, profile.name
        );
        findings.error(place, message);
    } else if tunnel.ip_mtu > expected {
        let message = format!(
            "{} does not fit port {} (MTU {}) for spokes behind a NAT: packets over {expected} octets leave in \
             fragments",
            tunnel.ip_mtu, port.name, port.mtu
        );
        findings.warning(place, message);
    }
}

fn trust(config: &Config, findings: &mut Findings) {
    let ike = &config.ike;
    if ike.own.is_some() && ike.authority.is_empty() {
        let message =
            "no spoke's certificate can be trusted without the CA's: add `authority = [\"ca.pem\"]`";
        match ike.key.is_empty() {
            true => findings.error("ike.certificate", message),
            false => findings.warning("ike.certificate", message),
        }
    }
    if !ike.crl.is_empty() && ike.authority.is_empty() {
        findings
            .error("ike.crl", "it is of no use without the CA's certificate: add `authority = [\"ca.pem\"]`");
    }
    if ike.cookie_threshold > ike.half_open {
        let message = format!("cookies would never be asked for: half-open is {}", ike.half_open);
        findings.error("ike.cookie-threshold", message);
    }
}

fn keys(config: &Config, findings: &mut Findings) {
    let mut seen = BTreeMap::new();
    for (index, key) in config.ike.key.iter().enumerate() {
        let (word, text) = match &key.peer {
            KeyPeer::Address(prefix) => ("address", prefix.to_string()),
            KeyPeer::Identity(text) => ("identity", text.to_ascii_lowercase()),
        };
        let place = format!("ike.key[{index}]");
        if let Some(first) = seen.insert((word, text.clone()), index) {
            findings.error(&format!("{place}.{word}"), format!("ike.key[{first}] is for {text} already"));
        }
        if let crate::model::KeySource::Inline(secret) = &key.source
            && crate::model::ike::octets(secret.octets()) < SHORT_KEY
        {
            let message = format!(
                "a key of less than {SHORT_KEY} octets can be found by trying: take a long random one"
            );
            findings.warning(&format!("{place}.pre-shared-key"), message);
        }
    }
}

fn claim(config: &Config, claim: &Claim, path: &str, findings: &mut Findings) {
    let named = claim.tunnel.and_then(|index| config.tunnel.get(index));
    if let Some(tunnel) = named.filter(|tunnel| tunnel.protection.is_none()) {
        let message = format!("{} has no protection: nobody has an identity there", tunnel.name);
        findings.error(&format!("{path}.tunnel"), message);
    }
    let Some(address) = claim.address.fixed() else { return };
    let inside = |tunnel: &Tunnel| tunnel.address.contains(address);
    let of: Vec<&Tunnel> = match named {
        Some(tunnel) => vec![tunnel],
        None => config.tunnel.iter().filter(|tunnel| tunnel.protection.is_some()).collect(),
    };
    if of.iter().any(|tunnel| tunnel.address.address == address) {
        findings.error(&format!("{path}.address"), format!("{address} is the hub's own address"));
    } else if !of.is_empty() && !of.iter().any(|tunnel| inside(tunnel)) {
        let have = list(of.iter().map(|tunnel| tunnel.address.network().to_string()));
        findings
            .error(&format!("{path}.address"), format!("{address} is outside the tunnel's subnet ({have})"));
    }
}
