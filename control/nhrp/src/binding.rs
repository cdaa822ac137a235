//! What the cache holds and what `show` can print of it.

use crate::{DropReason, Session, Station, TunnelId, UnbindReason};
use std::fmt;
use std::net::Ipv4Addr;

/// Where a binding comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// From the configuration; never expires.
    Static,
    /// From a registration.
    Dynamic,
    /// A peer that was seen and has no binding, or an address that could not be resolved.
    Incomplete,
}

impl Kind {
    /// The word in `show ip nhrp`.
    pub fn text(self) -> &'static str {
        match self {
            Self::Static => "static",
            Self::Dynamic => "dynamic",
            Self::Incomplete => "incomplete",
        }
    }
}

/// A protocol address and the NBMA address that reaches it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Binding {
    /// Tunnel interface.
    pub tunnel: TunnelId,
    /// The spoke's tunnel address.
    pub protocol: Ipv4Addr,
    /// Where packets for it go: the outer source of its registration.
    pub nbma: Ipv4Addr,
    /// The authenticated peer that registered it; `None` on a tunnel without protection, and of a static map whose
    /// peer has not shown itself.
    pub session: Option<Session>,
    /// The NBMA address that the spoke believes it has; differs from `nbma` behind NAT.
    pub claimed: Ipv4Addr,
    /// `Static` or `Dynamic`.
    pub kind: Kind,
    /// Registered with the U flag: no other station may take it over.
    pub unique: bool,
    /// The spoke supports the NAT extension.
    pub nat_capable: bool,
    /// On the multicast list.
    pub multicast: bool,
    /// MTU in the registration, 0 when not given.
    pub mtu: u16,
    /// Holding time in seconds; 0 of a static binding.
    pub holding_time: u16,
    /// Request id of the latest registration.
    pub request_id: u32,
    /// When it was made, or led elsewhere for the last time.
    pub created_ms: u64,
    /// Latest registration.
    pub refreshed_ms: u64,
    /// When it ends; `None`: never.
    pub expires_ms: Option<u64>,
}

impl Binding {
    /// Who registered it.
    pub fn station(&self) -> Station {
        Station { nbma: self.nbma, session: self.session }
    }

    /// Whether a NAT is between the hub and the spoke (attribute `N` of `show dmvpn`).
    pub fn is_natted(&self) -> bool {
        self.claimed != self.nbma
    }
}

/// A station that was given an authoritative answer and must hear when it is no longer true.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Requester {
    /// Tunnel it asked through.
    pub tunnel: TunnelId,
    /// Its tunnel address.
    pub protocol: Ipv4Addr,
    /// Who it is.
    pub station: Station,
    /// Request id of its latest question.
    pub request_id: u32,
    /// When the answer ends by itself.
    pub until_ms: u64,
    /// What it was told about: a host, or the network that the answer covers.
    pub prefix: Ipv4Addr,
    /// Length of that.
    pub prefix_len: u8,
    /// Its question was passed on, and the spoke asked about answered itself.
    pub passed_on: bool,
}

/// Words after `Flags:` in `show ip nhrp`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct EntryFlags {
    /// From the station itself.
    pub authoritative: bool,
    /// Our own answer, given out to the requesters.
    pub local: bool,
    /// Asked for and not resolvable.
    pub negative: bool,
    /// Cannot be taken over.
    pub unique: bool,
    /// From a registration.
    pub registered: bool,
    /// Behind a NAT, and the peer supports the NAT extension.
    pub nat: bool,
    /// At or behind a router.
    pub router: bool,
    /// NHRP packets went through it in the last minute.
    pub used: bool,
    /// A next hop (host entry).
    pub nhop: bool,
}

/// In the order in which Cisco prints them, each followed by nothing but a space.
impl fmt::Display for EntryFlags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words = [
            (self.authoritative, "authoritative"),
            (self.unique, "unique"),
            (self.registered, "registered"),
            (self.nat, "nat"),
            (self.router, "router"),
            (self.local, "local"),
            (self.negative, "negative"),
            (self.used, "used"),
            (self.nhop, "nhop"),
        ];
        let mut first = true;
        for (_, word) in words.into_iter().filter(|(set, _)| *set) {
            if !first {
                f.write_str(" ")?;
            }
            f.write_str(word)?;
            first = false;
        }
        Ok(())
    }
}

/// One entry of `show ip nhrp`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CacheEntry<'a> {
    /// Tunnel interface.
    pub tunnel: TunnelId,
    /// Address.
    pub protocol: Ipv4Addr,
    /// Its prefix length.
    pub prefix_len: u8,
    /// Tunnel address after `via`.
    pub via: Ipv4Addr,
    /// NBMA address; `None` while unknown.
    pub nbma: Option<Ipv4Addr>,
    /// Session of the peer that registered it.
    pub session: Option<Session>,
    /// Claimed NBMA address, where it differs.
    pub claimed: Option<Ipv4Addr>,
    /// `static`, `dynamic` or `incomplete`.
    pub kind: Kind,
    /// Flags.
    pub flags: EntryFlags,
    /// When it was made.
    pub created_ms: u64,
    /// When it ends; `None`: never.
    pub expires_ms: Option<u64>,
    /// Holding time in seconds.
    pub holding_time: u16,
    /// MTU given by the peer.
    pub mtu: u16,
    /// Preference (Cisco prints 255 for its own).
    pub preference: u8,
    /// On the multicast list.
    pub multicast: bool,
    /// Times it answered or led an NHRP packet.
    pub hits: u64,
    /// Who asked for it.
    pub requesters: &'a [Requester],
    /// Vendor-private extension of the latest registration, raw.
    pub vendor: &'a [u8],
}

/// What went wrong with a peer last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Failure {
    /// No authentication extension although one is required.
    AuthenticationMissing,
    /// Another password than ours.
    AuthenticationWrong,
    /// A packet that was dropped.
    Dropped(DropReason),
    /// A registration refused with this code (RFC 2332 5.2.4).
    Refused(u8),
    /// Its authenticated identity may not have the address that it registers.
    ClaimRefused(&'static str),
    /// It registers at an address that is not ours.
    WrongNhs(Ipv4Addr),
    /// It sent an error indication with this code (RFC 2332 5.2.7).
    ErrorReceived(u16),
    /// It was registered and no longer is.
    Gone(UnbindReason),
    /// The data plane refused its GRE packets.
    Encapsulation(Refused),
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AuthenticationMissing => f.write_str("no authentication, and the hub requires one"),
            Self::AuthenticationWrong => f.write_str("wrong authentication string"),
            Self::Dropped(reason) => write!(f, "{}: {}", reason.name(), reason.meaning()),
            Self::Refused(code) => write!(f, "registration refused with code {code}"),
            Self::ClaimRefused(why) => f.write_str(why),
            Self::WrongNhs(address) => {
                write!(f, "registers at {address}, which is not the hub's tunnel address")
            }
            Self::ErrorReceived(code) => write!(f, "it reported error {code}"),
            Self::Gone(reason) => f.write_str(reason.text()),
            Self::Encapsulation(refused) => write!(f, "its GRE packets are refused: {}", refused.reason),
        }
    }
}

/// GRE packets that the data plane refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Refused {
    /// The name of the reason.
    pub reason: &'static str,
    /// Where they were sent to.
    pub local: Ipv4Addr,
    /// The GRE key in them.
    pub key: Option<u32>,
}

/// A peer that failed or went away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PeerRecord {
    /// Tunnel; `None` when its GRE packets belong to none.
    pub tunnel: Option<TunnelId>,
    /// Who it is.
    pub station: Station,
    /// Its tunnel address, if it named one.
    pub protocol: Option<Ipv4Addr>,
    /// What went wrong last.
    pub failure: Failure,
    /// First time it went wrong this way without a break.
    pub first_ms: u64,
    /// Last time.
    pub last_ms: u64,
    /// How often.
    pub count: u64,
}
