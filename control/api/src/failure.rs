//! Why a spoke is refused or was lost: each cause an operator can act on has a name here, so that no
//! misconfiguration of a spoke stays silent at the hub.

use serde::{Deserialize, Serialize};
use std::net::Ipv4Addr;

/// What went wrong with one spoke, and how often. The server keeps a bounded number, one per NBMA address, interface
/// and cause.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Failure {
    /// Cause.
    pub cause: Cause,
    /// Tunnel interface, where it is known.
    pub interface: Option<String>,
    /// Outer source address of the packet, or the last NBMA address of a peer that was lost.
    pub nbma: Option<Ipv4Addr>,
    /// Tunnel address of the spoke, where the packet told it.
    pub tunnel: Option<Ipv4Addr>,
    /// Seconds since it last happened.
    pub age: u64,
    /// How often it happened.
    pub count: u64,
    /// Particulars: the key seen, the NBMA address that holds the registration. Never a password.
    pub detail: Option<String>,
}

macro_rules! causes {
    ($($variant:ident = $meaning:literal, $remedy:literal;)*) => {
        /// Causes of failure.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(rename_all = "kebab-case")]
        pub enum Cause { $(#[doc = $meaning] $variant),* }

        impl Cause {
            /// All causes.
            pub const ALL: &'static [Cause] = &[$(Cause::$variant),*];
            /// One sentence: what the hub saw.
            pub fn meaning(self) -> &'static str { match self { $(Cause::$variant => $meaning),* } }
            /// One sentence: what to look at.
            pub fn remedy(self) -> &'static str { match self { $(Cause::$variant => $remedy),* } }
        }
    };
}

causes! {
    KeyMismatch = "GRE with another key, with none, or with one where the tunnel has none.",
        "Compare `tunnel key` on the spoke with `key` of the tunnel in hub.toml.";
    NoTunnel = "GRE to an address of the hub that is no tunnel's source.",
        "Compare `tunnel destination` or the NHS's NBMA address on the spoke with `source` in hub.toml.";
    UnknownPeer = "Data packets from an NBMA address that is not registered.",
        "The spoke sends GRE but its registration has not arrived: check `ip nhrp nhs` and `ip nhrp map` there.";
    AuthenticationMismatch = "Wrong NHRP authentication string.",
        "Compare `ip nhrp authentication` on the spoke with `authentication` in hub.toml.";
    AuthenticationMissing = "NHRP packet without authentication where the tunnel requires it.",
        "Set `ip nhrp authentication` on the spoke.";
    WrongNhs = "Registration for an NHS address that is not this hub's.",
        "Compare the address in `ip nhrp nhs` on the spoke with the tunnel's `address` in hub.toml.";
    UniqueConflict = "The tunnel address is registered by another NBMA address, and both ask for uniqueness.",
        "Two spokes have the same tunnel address, or one has changed its NBMA address: there use `ip nhrp registration no-unique`, or clear the old entry here.";
    AddressRefused = "The tunnel address may not be registered: it is the hub's own, is mapped statically, or is outside the subnet.",
        "Check the spoke's tunnel address.";
    HoldtimeRefused = "Registration with a holding time of zero.",
        "Check `ip nhrp holdtime` on the spoke.";
    LimitReached = "No room for another entry: the bound of the peer or of the hub is reached.",
        "Raise `max-bindings-per-peer` or `max-peers` in hub.toml, or find out why so many are registered.";
    Malformed = "NHRP packet that is not well formed.",
        "Check the software of the spoke and the path for damage.";
    Checksum = "NHRP packet with a wrong checksum.",
        "FRR before mid-2026 and OpenNHRP compute it wrongly over packets of odd length: set `legacy-odd-checksum` in hub.toml.";
    UnknownExtension = "NHRP packet with an extension that must be understood and is not.",
        "The spoke uses a feature this hub does not have; see the detail for the extension's number.";
    Loop = "NHRP packet that has passed this hub before.",
        "Check for a routing loop between hubs, or for two spokes that share an NBMA address.";
    HopCount = "NHRP packet whose hop count ran out.",
        "Check for a routing loop between hubs.";
    Expired = "The registration ran out and was not renewed.",
        "The spoke or the path to it is down: ping its NBMA address from the hub.";
    Purged = "The spoke withdrew its registration.",
        "The tunnel was shut down on the spoke, or it changed its address.";
    Cleared = "An operator cleared the entry.",
        "The spoke comes back with its next registration.";
    Replaced = "The tunnel address was taken over by another NBMA address.",
        "Expected when the spoke changes its NBMA address; otherwise two spokes have the same tunnel address.";
    ErrorReported = "The spoke sent an NHRP error indication.",
        "See the detail for its code, and the log of the spoke.";
    Dropped = "An NHRP packet was dropped for the reason that the detail names.",
        "See `show ip nhrp traffic` for how often.";
    Unreachable = "The hub has no underlay route or next hop to the NBMA address.",
        "Check the gateway of the port and the underlay routes of the kernel.";
}
