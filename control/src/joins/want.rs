//! What one spoke wants of one flow, and until when.

use std::net::Ipv4Addr;

/// A holding time that never ends (RFC 7761 4.9.5).
const FOR_EVER: u16 = 0xffff;

/// Times in milliseconds; 0: it does not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Want {
    /// By IGMP. Of a group as a whole: the spoke is in EXCLUDE mode until then (RFC 3376 6.2.2).
    pub igmp: u64,
    /// Of a source, while the group is in EXCLUDE mode: it is one of those excluded (a source timer of 0).
    pub blocked: bool,
    /// By PIM.
    pub pim: u64,
    /// Of a source: pruned off the tree to the RP, on which the group as a whole was joined.
    pub pruned: u64,
    /// How long the join and the prune were to hold when they were said last, in seconds.
    holding: [u16; 2],
    /// Who said the join by PIM: the spoke's address as a PIM neighbour.
    from: Option<Ipv4Addr>,
}

/// A PIM message's holding time: when it was said, in milliseconds, and for how many seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Holding {
    pub now_ms: u64,
    pub seconds: u16,
}

impl Holding {
    fn until(self) -> u64 {
        match self.seconds {
            FOR_EVER => u64::MAX,
            seconds => self.now_ms + u64::from(seconds) * 1_000,
        }
    }
}

/// A want as control's next life should know it. How long it has left is not said, or the file would grow with every
/// repetition: then it holds as if it had just been said.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Joined {
    /// By IGMP.
    pub igmp: bool,
    /// Excluded by IGMP.
    pub blocked: bool,
    /// By PIM: for how many seconds, and by whom.
    pub pim: Option<(u16, Ipv4Addr)>,
    /// Pruned off the tree to the RP, for how many seconds.
    pub pruned: Option<u16>,
}

impl Want {
    /// What it was in control's last life.
    pub fn revive(joined: Joined, now_ms: u64, report_ms: u64) -> Self {
        let mut want = Self { blocked: joined.blocked, ..Self::default() };
        want.igmp = if joined.igmp { now_ms + report_ms } else { 0 };
        if let Some((seconds, from)) = joined.pim {
            want.join(Holding { now_ms, seconds }, from);
        }
        if let Some(seconds) = joined.pruned {
            want.prune(Holding { now_ms, seconds });
        }
        want
    }

    /// For the next life.
    pub fn joined(&self) -> Joined {
        let [join, prune] = self.holding;
        Joined {
            igmp: self.igmp > 0,
            blocked: self.blocked,
            pim: self.from.filter(|_| self.pim > 0).map(|from| (join, from)),
            pruned: (self.pruned > 0).then_some(prune),
        }
    }

    /// A PIM join.
    pub fn join(&mut self, holding: Holding, from: Ipv4Addr) {
        (self.pim, self.pruned) = (holding.until(), 0);
        self.holding[0] = holding.seconds;
        self.from = Some(from);
    }

    /// A prune off the tree to the RP.
    pub fn prune(&mut self, holding: Holding) {
        self.pruned = holding.until();
        self.holding[1] = holding.seconds;
    }

    /// Who joined by PIM, and for how many seconds more.
    pub fn pim_left(&self, now_ms: u64) -> Option<(Ipv4Addr, u16)> {
        let left = match self.pim {
            u64::MAX => FOR_EVER,
            until => until.saturating_sub(now_ms).div_ceil(1_000).min(u64::from(FOR_EVER) - 1) as u16,
        };
        self.from.filter(|_| self.pim > 0 && left > 0).map(|from| (from, left))
    }

    pub fn is_empty(&self) -> bool {
        self.due().is_none() && !self.blocked
    }

    /// Forgets what has ended.
    pub fn expire(&mut self, now_ms: u64) {
        for until in [&mut self.igmp, &mut self.pim, &mut self.pruned] {
            *until = if *until <= now_ms { 0 } else { *until };
        }
    }

    /// When something of it ends first; `None`: nothing does.
    pub fn due(&self) -> Option<u64> {
        [self.igmp, self.pim, self.pruned].into_iter().filter(|until| *until > 0).min()
    }
}
