//! Why peers fail, for `show dmvpn why`: bounded, oldest out first.

use std::net::Ipv4Addr;

/// One peer's last failure.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// Its outer address.
    pub remote: Ipv4Addr,
    /// Its port.
    pub port: u16,
    /// Which of our addresses it spoke to.
    pub local: Ipv4Addr,
    /// Whom it claims to be, if it got so far.
    pub identity: Option<String>,
    /// Why.
    pub cause: Cause,
    /// One sentence with the particulars: what was offered and what is wanted, which certificate.
    pub text: String,
    /// First time of this cause.
    pub first_ms: u64,
    /// Last time.
    pub last_ms: u64,
    /// How often.
    pub count: u64,
}

macro_rules! causes {
    ($($variant:ident = $name:literal, $meaning:literal;)*) => {
        /// Why a peer failed.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[repr(u8)]
        pub enum Cause { $(#[doc = $meaning] $variant),* }

        impl Cause {
            /// All causes in the order of their discriminants.
            pub const ALL: &'static [Cause] = &[$(Cause::$variant),*];
            /// The name in logs and in the metric's `cause` label.
            pub fn name(self) -> &'static str { match self { $(Cause::$variant => $name),* } }
            /// One sentence for operators.
            pub fn meaning(self) -> &'static str { match self { $(Cause::$variant => $meaning),* } }
        }
    };
}

causes! {
    IkeProposal = "ike_proposal", "No common IKE proposal.";
    IkeGroup = "ike_group", "The peer's key exchange group is not acceptable, and it did not try another.";
    Authentication = "authentication", "Authentication failed: wrong pre-shared key or signature.";
    UnknownIdentity = "unknown_identity", "No key or rule for the peer's identity.";
    Certificate = "certificate", "The peer's certificate was refused.";
    EspProposal = "esp_proposal", "No common ESP proposal.";
    Pfs = "pfs", "Perfect forward secrecy: one side wants it, the other does not, or the groups differ.";
    Selectors = "traffic_selectors", "Traffic selectors are not GRE between the peer and the tunnel's source.";
    Mode = "mode", "Transport or tunnel mode: the peer wants the one that is not configured.";
    Syntax = "syntax", "The peer sent an authentic message that makes no sense.";
    Unanswered = "unanswered", "The peer did not answer our retransmissions.";
    Incomplete = "incomplete", "The peer began and did not go on: the answer may be lost on the way, or it has the wrong key.";
    Duplicate = "duplicate", "Another IKE SA of the same identity is up, and `unique = \"keep\"`.";
    Full = "full", "No room: too many sessions or child SAs.";
    Rejected = "rejected", "The peer refused what we proposed.";
}
