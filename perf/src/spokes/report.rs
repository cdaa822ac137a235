//! What the emulator tells: one JSON object per line.

use serde::Serialize;
use std::io::Write;
use std::net::Ipv4Addr;

/// One line.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum Report {
    /// The hub accepted a registration, the first one or after a time without.
    Registered {
        /// Number of the spoke.
        spoke: u32,
        /// Its tunnel address.
        tunnel: Ipv4Addr,
        /// Its NBMA address.
        nbma: Ipv4Addr,
        /// Its address as the hub saw it, when it differs from the one it claims.
        public: Option<Ipv4Addr>,
        /// Milliseconds from the first request.
        took_ms: u64,
    },
    /// The hub refused a registration.
    Refused {
        /// Number of the spoke.
        spoke: u32,
        /// Its tunnel address.
        tunnel: Ipv4Addr,
        /// Its NBMA address.
        nbma: Ipv4Addr,
        /// Code of the reply's entry.
        code: u8,
    },
    /// An IKE SA and its child are set up.
    Protected {
        /// Number of the spoke.
        spoke: u32,
        /// The hub's or another spoke's NBMA address.
        peer: Ipv4Addr,
        /// Milliseconds from the first message.
        took_ms: u64,
    },
    /// An IKE SA is lost, or never came to be.
    Unprotected {
        /// Number of the spoke.
        spoke: u32,
        /// The hub's or another spoke's NBMA address.
        peer: Ipv4Addr,
        /// Why.
        why: String,
    },
    /// A direct way is known.
    Shortcut {
        /// Number of the spoke.
        spoke: u32,
        /// Where it leads.
        prefix: String,
        /// Tunnel address of the other spoke.
        via: Ipv4Addr,
        /// Its NBMA address.
        nbma: Ipv4Addr,
    },
    /// The hub took shortcuts back.
    Purged {
        /// Number of the spoke.
        spoke: u32,
        /// How many.
        removed: usize,
    },
    /// The hub sent an error indication.
    Error {
        /// Number of the spoke.
        spoke: u32,
        /// Its code.
        code: u16,
    },
    /// Once per status interval.
    Status(Box<Totals>),
    /// The last line.
    End(Box<Totals>),
}

/// Counts since the start.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Totals {
    /// Seconds since the start.
    pub seconds: f64,
    /// Spokes whose registration holds.
    pub registered: u32,
    /// Spokes in all.
    pub spokes: u32,
    /// Registrations accepted from spokes that had none, or none any more; refreshes are not among them.
    pub registrations: u64,
    /// The longest of them, from the first request to the answer, in milliseconds.
    pub slowest_ms: u64,
    /// Seconds from the start until every spoke was registered; 0: that has not been.
    pub all_registered: f64,
    /// Registration requests sent, refreshes included.
    pub requests: u64,
    /// Among them those sent again for want of an answer.
    pub retries: u64,
    /// Answers to them, also belated ones.
    pub answers: u64,
    /// Shortcuts known to all spokes.
    pub shortcuts: u64,
    /// NHRP packets sent.
    pub nhrp_sent: u64,
    /// NHRP packets received.
    pub nhrp_received: u64,
    /// Data packets received from the hub.
    pub from_hub: u64,
    /// Data packets received directly from other spokes.
    pub direct: u64,
    /// Pings answered.
    pub echoed: u64,
    /// Packets the kernel did not take.
    pub send_errors: u64,
    /// Packets received that no spoke wants.
    pub stray: u64,
    /// Packets the kernel dropped because the emulator was too slow.
    pub receive_drops: u64,
    /// BFD sessions with the hub.
    pub bfd: super::bfd::Counts,
    /// Numbered packets.
    pub traffic: super::traffic::Counts,
    /// Tunnel protection, if there is any.
    pub protection: Option<Box<Protection>>,
}

/// Tunnel protection of all spokes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Protection {
    /// Spokes with an SA with the hub.
    pub up: u32,
    /// Seconds from the start until every spoke had one; 0: that has not been.
    pub all_up: f64,
    /// Set-ups with the hub per second until then.
    pub rate: f64,
    /// IKE.
    pub ike: crate::ike::Counts,
    /// ESP.
    pub esp: super::guard::EspCounts,
    /// GRE packets that came in the clear.
    pub clear: u64,
    /// What the hub's control has used from the start until every spoke was registered, or until now.
    pub control: Option<super::cost::Cost>,
}

/// Writes a line; a reader that went away is no error.
pub fn print(report: &Report) {
    if let Ok(line) = serde_json::to_string(report) {
        let _ = writeln!(std::io::stdout().lock(), "{line}");
    }
}
