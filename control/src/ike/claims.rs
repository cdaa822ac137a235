//! Which identity may register which tunnel address.
//!
//! What `[[ike.claim]]` says of an identity, it may have and nothing else. Of whom it says nothing, the tunnel's
//! `[[protection]]` decides: nothing (`listed`), or what nobody had before it (`first-come`): then the address is
//! pinned to the identity, across restarts, until an operator clears it.

use crate::journal::MAX_IDENTITY;
use config::Config;
use config::model::{Claim, ClaimPolicy};
use shm::message::TunnelId;
use std::collections::{BTreeMap, HashMap};
use std::net::Ipv4Addr;

/// Most addresses pinned to one identity, on all tunnels.
pub const MAX_PINS_PER_IDENTITY: usize = 64;

const LISTED: &str = "no [[ike.claim]] lets its identity have this address";
const UNLISTED: &str = "no [[ike.claim]] speaks of its identity, and claims are \"listed\"";
const RESERVED: &str = "an [[ike.claim]] reserves the address for another identity";
const TAKEN: &str = "another identity has registered the address; `clear ip nhrp ADDRESS` frees it";
const TOO_MANY: &str = "its identity has registered as many addresses as it may";
const TOO_LONG: &str = "its identity is too long to be remembered";
const FULL: &str = "the hub's table of pinned addresses is full";

/// The rules, and who came first.
#[derive(Debug, Default)]
pub struct Claims {
    rules: Vec<Claim>,
    /// By tunnel; `None`: it has no protection.
    policies: Vec<Option<ClaimPolicy>>,
    pins: BTreeMap<(TunnelId, Ipv4Addr), String>,
    per_identity: HashMap<String, usize>,
    max: usize,
}

impl Claims {
    /// The rules of a configuration; nobody came yet.
    pub fn new(config: &Config) -> Self {
        let policy = |tunnel| config.protection_of(tunnel).map(|protection| protection.claims);
        Self {
            rules: config.ike.claim.clone(),
            policies: config.tunnel.iter().map(policy).collect(),
            pins: BTreeMap::new(),
            per_identity: HashMap::new(),
            // Those of spokes that went away for good count too.
            max: (config.hub.max_peers as usize).saturating_mul(4),
        }
    }

    /// Whether an identity may register an address, and if not, why. `holder` is the identity that has it now, if that
    /// is another session.
    pub fn check(
        &self,
        identity: &str,
        tunnel: TunnelId,
        protocol: Ipv4Addr,
        holder: Option<&str>,
    ) -> Result<(), &'static str> {
        let Some(policy) = self.policies.get(usize::from(tunnel)).copied().flatten() else { return Ok(()) };
        let mut allowed =
            self.rules.iter().filter_map(|rule| rule.address(identity, usize::from(tunnel))).peekable();
        if allowed.peek().is_some() {
            return if allowed.any(|address| address == protocol) { Ok(()) } else { Err(LISTED) };
        }
        if policy == ClaimPolicy::Listed {
            return Err(UNLISTED);
        }
        if self.rules.iter().any(|rule| rule.reserves(protocol, usize::from(tunnel))) {
            return Err(RESERVED);
        }
        match self.pins.get(&(tunnel, protocol)) {
            Some(first) if first == identity => return Ok(()),
            Some(_) => return Err(TAKEN),
            None => {}
        }
        if holder.is_some_and(|holder| holder != identity) {
            return Err(TAKEN);
        }
        match () {
            () if identity.len() > MAX_IDENTITY => Err(TOO_LONG),
            () if self.pins.len() >= self.max => Err(FULL),
            () if self.per_identity.get(identity).is_some_and(|count| *count >= MAX_PINS_PER_IDENTITY) => {
                Err(TOO_MANY)
            }
            () => Ok(()),
        }
    }

    /// An identity registered an address; `true`: it came first, and that has to be remembered.
    pub fn registered(&mut self, identity: &str, tunnel: TunnelId, protocol: Ipv4Addr) -> bool {
        let first_come = self.policies.get(usize::from(tunnel)) == Some(&Some(ClaimPolicy::FirstCome));
        let listed = self.rules.iter().any(|rule| rule.address(identity, usize::from(tunnel)).is_some());
        if !first_come || listed || self.pins.contains_key(&(tunnel, protocol)) {
            return false;
        }
        self.pin(tunnel, protocol, identity);
        true
    }

    /// Pins an address to an identity.
    pub fn pin(&mut self, tunnel: TunnelId, protocol: Ipv4Addr, identity: &str) {
        self.unpin(tunnel, protocol);
        *self.per_identity.entry(identity.into()).or_default() += 1;
        self.pins.insert((tunnel, protocol), identity.into());
    }

    /// Whoever comes next may have the address; `false`: it was not pinned.
    pub fn unpin(&mut self, tunnel: TunnelId, protocol: Ipv4Addr) -> bool {
        let Some(identity) = self.pins.remove(&(tunnel, protocol)) else { return false };
        if let Some(count) = self.per_identity.get_mut(&identity) {
            *count -= 1;
            if *count == 0 {
                self.per_identity.remove(&identity);
            }
        }
        true
    }

    /// To whom an address is pinned.
    pub fn pinned(&self, tunnel: TunnelId, protocol: Ipv4Addr) -> Option<&str> {
        self.pins.get(&(tunnel, protocol)).map(String::as_str)
    }

    /// Addresses and to whom they are pinned.
    pub fn pins(&self) -> impl Iterator<Item = ((TunnelId, Ipv4Addr), &str)> {
        self.pins.iter().map(|(key, identity)| (*key, identity.as_str()))
    }

    /// How many are pinned, and how many may be.
    pub fn len(&self) -> (usize, usize) {
        (self.pins.len(), self.max)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONFIG: &str = r#"
[hub]
name = "test"
max-peers = 20
[[port]]
name = "wan0"
device = "net_null0"
role = "underlay"
address = ["203.0.113.1/24", "203.0.113.2/24"]
[[tunnel]]
name = "Tunnel0"
interface = "gre0"
source = "203.0.113.1"
address = "10.0.0.1/24"
nhrp = { network-id = 1 }
[[tunnel]]
name = "Tunnel1"
interface = "gre1"
source = "203.0.113.2"
key = 1
address = "10.1.0.1/24"
protection = "DMVPN"
nhrp = { network-id = 2 }
[[protection]]
name = "DMVPN"
claims = "POLICY"
[[ike.key]]
address = "0.0.0.0/0"
pre-shared-key = "for tests only"
[[ike.claim]]
identity = "spoke{n}.example.net"
address = "10.1.0.{n}"
[[ike.claim]]
identity = "roamer.example.net"
address = "10.1.0.99"
"#;

    fn claims(policy: &str) -> Claims {
        Claims::new(&Config::parse("hub.toml", &CONFIG.replace("POLICY", policy)).unwrap())
    }

    fn at(n: u8) -> Ipv4Addr {
        Ipv4Addr::new(10, 1, 0, n)
    }

    #[test]
    fn who_is_listed_has_what_the_list_says_and_nothing_else() {
        for policy in ["first-come", "listed"] {
            let mut claims = claims(policy);
            assert_eq!(claims.check("spoke7.example.net", 1, at(7), None), Ok(()));
            assert_eq!(claims.check("SPOKE7.example.net", 1, at(8), None), Err(LISTED));
            assert_eq!(claims.check("roamer.example.net", 1, at(99), None), Ok(()));
            // It is the list that counts, not who came first; and it may take its own back.
            assert!(!claims.registered("spoke7.example.net", 1, at(7)));
            assert_eq!(claims.check("spoke7.example.net", 1, at(7), Some("somebody")), Ok(()));
            // A tunnel in the clear has no identities.
            assert_eq!(claims.check("spoke7.example.net", 0, at(200), None), Ok(()));
        }
    }

    #[test]
    fn who_is_not_listed_has_nothing_where_all_are() {
        assert_eq!(claims("listed").check("other.example.net", 1, at(200), None), Err(UNLISTED));
    }

    #[test]
    fn first_come() {
        let mut claims = claims("first-come");
        // Every address of the pattern is somebody's, known or not.
        assert_eq!(claims.check("other.example.net", 1, at(5), None), Err(RESERVED));
        let free = Ipv4Addr::new(10, 1, 1, 5);
        assert_eq!(claims.check("a", 1, free, None), Ok(()));
        assert!(claims.registered("a", 1, free) && !claims.registered("a", 1, free));
        assert_eq!(claims.check("a", 1, free, None), Ok(()));
        assert_eq!(claims.check("b", 1, free, None), Err(TAKEN));
        assert_eq!(claims.check("A", 1, free, None), Err(TAKEN), "another key-id");
        // Registered an instant ago, and not yet pinned.
        let other = Ipv4Addr::new(10, 1, 1, 6);
        assert_eq!(claims.check("b", 1, other, Some("a")), Err(TAKEN));
        assert_eq!(claims.check("a", 1, other, Some("a")), Ok(()), "its own earlier session");
        assert!(claims.unpin(1, free) && !claims.unpin(1, free));
        assert_eq!(claims.check("b", 1, free, None), Ok(()));
    }

    #[test]
    fn pins_are_bounded_by_identity_and_in_all() {
        let mut claims = claims("first-come");
        let address = |n: usize| Ipv4Addr::from_bits(0x0a01_0100 + n as u32);
        for n in 0..MAX_PINS_PER_IDENTITY {
            assert_eq!(claims.check("greedy", 1, address(n), None), Ok(()));
            assert!(claims.registered("greedy", 1, address(n)));
        }
        assert_eq!(claims.check("greedy", 1, address(64), None), Err(TOO_MANY));
        for n in 64..80 {
            assert!(claims.registered("modest", 1, address(n)));
        }
        assert_eq!((claims.check("third", 1, address(80), None), claims.len()), (Err(FULL), (80, 80)));
        claims.unpin(1, address(3));
        assert_eq!(claims.check("greedy", 1, address(80), None), Ok(()));
        assert_eq!(claims.check(&"x".repeat(MAX_IDENTITY + 1), 1, address(80), None), Err(TOO_LONG));
    }
}
