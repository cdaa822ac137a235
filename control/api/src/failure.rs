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
    /// Whom the spoke claims or has proved to be by IKE. From the network: show it escaped.
    #[serde(default)]
    pub identity: Option<String>,
    /// Seconds since it last happened.
    pub age: u64,
    /// How often it happened.
    pub count: u64,
    /// Particulars: the key seen, the NBMA address that holds the registration, what was offered and what is wanted.
    /// Never a password or key. May hold words from the network: show it escaped.
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
    IkeProposal = "No common IKE proposal.",
        "See the detail for what was offered and what is wanted; compare `crypto ikev2 proposal` on the spoke with `proposals` of [ike] in hub.toml.";
    IkeGroup = "No key exchange for IKE SAs in common with the spoke; ciphers and functions would have fitted.",
        "Compare the `group` of `crypto ikev2 proposal` on the spoke with `proposals` of [ike] in hub.toml.";
    IkeAuthentication = "IKE authentication failed: another pre-shared key, or a signature that does not fit.",
        "Compare the pre-shared key on the spoke with its [[ike.key]] in hub.toml.";
    UnknownIdentity = "No pre-shared key is for the identity or address of the spoke.",
        "Write an [[ike.key]] for it in hub.toml, or correct `identity local` on the spoke.";
    Certificate = "The spoke's certificate is not trusted, has expired or is revoked.",
        "See the detail; compare its CA with `authority` and `crl` of [ike] in hub.toml, and the clocks.";
    EspProposal = "No common ESP proposal.",
        "See the detail for what was offered and what is wanted; compare `crypto ipsec transform-set` on the spoke with `proposals` of the [[protection]] in hub.toml.";
    PfsMismatch = "One side wants perfect forward secrecy and the other does not, or the groups differ.",
        "Compare `set pfs` on the spoke with the key exchanges in `proposals` of the [[protection]] in hub.toml.";
    Selectors = "The spoke wants to protect something else than GRE between itself and the tunnel's source.",
        "Use `tunnel protection` on the spoke, not a crypto map; see the detail for what it asked for.";
    ModeMismatch = "The spoke wants the IPsec mode that is not allowed here.",
        "Compare `mode` of `crypto ipsec transform-set` on the spoke with `mode` of the [[protection]] in hub.toml.";
    IkeMalformed = "The spoke sent an authentic IKE message that makes no sense.",
        "Check the software of the spoke; see the detail.";
    IkeUnanswered = "The spoke no longer answers IKE.",
        "The spoke or the path to it is down: ping its NBMA address from the hub.";
    IkeIncomplete = "The spoke began IKE and did not go on: our answer may be lost on the way, or it refuses our key or certificate.",
        "See the spoke's log; check that UDP 500 and 4500 pass in both directions, also long packets.";
    IkeDuplicate = "Another IKE session of the same identity is up, and `unique` is \"keep\".",
        "Two spokes may have the same identity; or clear the old session, or set `unique = \"replace\"`.";
    IkeFull = "No room for another IKE session or child SA.",
        "Raise `max-peers` in hub.toml, or find out why so many connect.";
    IkeRejected = "The spoke refused what the hub proposed in a rekey.",
        "See the detail; compare the proposals on both sides.";
    SessionEnded = "The IKE session ended: the spoke deleted it, or it was cleared here.",
        "See the spoke's log if it does not come back.";
    EspBlocked = "IKE is up, but nothing that the spoke encrypts arrives.",
        "A filter on the path lets UDP 500 through and drops ESP (IP protocol 50) or UDP 4500.";
    Unprotected = "GRE in the clear to a tunnel with protection.",
        "Set `tunnel protection ipsec profile` on the spoke.";
    ClaimRefused = "The spoke's identity may not register this tunnel address.",
        "Compare the spoke's tunnel address with the [[ike.claim]]s in hub.toml; with `claims = \"first-come\"` another identity may have it: see `show dmvpn detail`.";
    Unreachable = "The hub has no underlay route or next hop to the NBMA address.",
        "Check the gateway of the port and the underlay routes of the kernel.";
}
