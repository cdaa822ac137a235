//! `[control-plane]`: how much of what goes to the hub itself it takes, by class.

/// `[control-plane]`: one [`Police`] for each class. All workers together draw on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ControlPlane {
    /// BGP, OSPF, EIGRP, RIP, BFD, PIM, IGMP, VRRP, HSRP.
    pub routing: Police,
    /// NHRP.
    pub nhrp: Police,
    /// IKE.
    pub ike: Police,
    /// ARP.
    pub arp: Police,
    /// ICMP.
    pub icmp: Police,
    /// Everything else.
    pub rest: Police,
}

impl ControlPlane {
    /// Every class by its name.
    pub fn named(&self) -> [(&'static str, Police); 6] {
        [
            ("routing", self.routing),
            ("nhrp", self.nhrp),
            ("ike", self.ike),
            ("arp", self.arp),
            ("icmp", self.icmp),
            ("rest", self.rest),
        ]
    }
}

/// `police rate R pps burst B packets`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Police {
    /// Packets per second, 1 to 10,000,000.
    pub rate: u32,
    /// Packets that may come at once after a time of quiet, 1 to 1,000,000.
    pub burst: u32,
}

impl Default for ControlPlane {
    /// Together less than what one service thread hands to the kernel. The bursts of NHRP and IKE are those of
    /// 10,000 spokes that come back at once.
    fn default() -> Self {
        Self {
            routing: Police { rate: 50_000, burst: 5_000 },
            nhrp: Police { rate: 50_000, burst: 20_000 },
            ike: Police { rate: 20_000, burst: 20_000 },
            arp: Police { rate: 10_000, burst: 4_000 },
            icmp: Police { rate: 20_000, burst: 4_000 },
            rest: Police { rate: 20_000, burst: 4_000 },
        }
    }
}
