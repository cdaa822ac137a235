//! What the server counts.

use crate::DropReason;

/// One counter per packet type; index 0 is unused, 1 to 8 are the wire's types.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ByType(pub [u64; 9]);

impl ByType {
    /// Names of the types as `show ip nhrp traffic` has them, by the wire's number; 0 is empty.
    pub const NAMES: [&'static str; 9] = [
        "",
        "Resolution Request",
        "Resolution Reply",
        "Registration Request",
        "Registration Reply",
        "Purge Request",
        "Purge Reply",
        "Error Indication",
        "Traffic Indication",
    ];

    /// The count of one type; 0 for a number that is none.
    pub fn get(&self, kind: u8) -> u64 {
        self.0.get(usize::from(kind)).copied().unwrap_or(0)
    }

    /// All types together.
    pub fn total(&self) -> u64 {
        self.0.iter().sum()
    }

    /// Counts one packet; a number that is no type is ignored.
    pub fn add(&mut self, kind: u8) {
        if let Some(count) = self.0.get_mut(usize::from(kind)) {
            *count += 1;
        }
    }
}

/// Counters of one tunnel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TunnelCounters {
    /// Packets that the hub made and sent.
    pub sent: ByType,
    /// Well-formed packets received, whatever became of them; malformed ones are among the drops.
    pub received: ByType,
    /// Packets of others that the hub passed on (counted at the tunnel they left by).
    pub forwarded: ByType,
    /// Packets discarded, by [`DropReason`].
    pub drops: [u64; DropReason::COUNT],
    /// Redirects not sent because the pair had one recently or the total was too high.
    pub redirects_suppressed: u64,
    /// Redirects not sent because the packet or its sender does not deserve one.
    pub redirects_declined: u64,
    /// Error indications not sent because of their rate limit.
    pub errors_suppressed: u64,
    /// Log events not made because of their rate limit.
    pub logs_suppressed: u64,
    /// Registrations accepted that made or moved a binding.
    pub registrations_new: u64,
    /// Registrations accepted that refreshed one.
    pub registrations_refreshed: u64,
    /// Registration entries refused, by code (4, 5, 14; others under 0).
    pub registrations_refused: [u64; 16],
    /// Of those, such whose identity may not have the address.
    pub claims_refused: u64,
    /// Resolutions refused, by code.
    pub resolutions_refused: [u64; 16],
    /// Bindings that expired.
    pub expired: u64,
    /// Requesters not recorded because an entry's list was full: they will not get a purge.
    pub requesters_full: u64,
    /// Resolution replies passed on about less than the spoke claimed.
    pub replies_narrowed: u64,
    /// Purge requests that were never acknowledged.
    pub purges_unanswered: u64,
}

impl Default for TunnelCounters {
    fn default() -> Self {
        Self {
            sent: ByType::default(),
            received: ByType::default(),
            forwarded: ByType::default(),
            drops: [0; DropReason::COUNT],
            redirects_suppressed: 0,
            redirects_declined: 0,
            errors_suppressed: 0,
            logs_suppressed: 0,
            registrations_new: 0,
            registrations_refreshed: 0,
            registrations_refused: [0; 16],
            claims_refused: 0,
            resolutions_refused: [0; 16],
            expired: 0,
            requesters_full: 0,
            replies_narrowed: 0,
            purges_unanswered: 0,
        }
    }
}

impl TunnelCounters {
    /// The count of one drop reason.
    pub fn dropped(&self, reason: DropReason) -> u64 {
        self.drops[reason as usize]
    }
}

/// Counters of the whole server.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ServerCounters {
    /// Registrations refused because the cache was full.
    pub cache_full: u64,
    /// Registrations refused because the peer had its share.
    pub peer_full: u64,
    /// Records of failed peers pushed out by newer ones.
    pub failures_evicted: u64,
    /// Purges not sent because too many wait for their reply.
    pub purges_full: u64,
    /// Packets of a tunnel that is not configured.
    pub unknown_tunnel: u64,
}
