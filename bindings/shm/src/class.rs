//! Classes of what goes to the hub itself, to its kernel or to control: each has a rate, a burst and a place in every
//! queue of its own, so that a flood of one never starves another. Control-plane policing, RFC 6192.

use crate::counters::Counter;

macro_rules! classes {
    ($($variant:ident = $name:literal, $content:literal;)*) => {
        /// What a packet to the hub itself is for. The discriminant indexes [`crate::counters::WorkerCounters::classes`].
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[repr(u8)]
        pub enum Class { $(#[doc = $content] $variant),* }

        impl Class {
            /// All classes in the order of their discriminants, which is that in which queues are served.
            pub const ALL: [Class; Self::COUNT] = [$(Class::$variant),*];
            /// How many classes there are.
            pub const COUNT: usize = [$(Class::$variant),*].len();
            /// The name in `hub.toml`, `show policy-map control-plane` and the metrics' `class` label.
            pub const fn name(self) -> &'static str { match self { $(Class::$variant => $name),* } }
            /// What belongs to it, for operators.
            pub const fn content(self) -> &'static str { match self { $(Class::$variant => $content),* } }
        }
    };
}

classes! {
    Routing = "routing", "BGP, OSPF, EIGRP, RIP, BFD, PIM, IGMP, VRRP, HSRP";
    Nhrp = "nhrp", "NHRP in GRE";
    Ike = "ike", "IKE: UDP ports 500 and 4500";
    Arp = "arp", "ARP, and addresses of a port's subnet to be resolved";
    Icmp = "icmp", "ICMP";
    Rest = "rest", "everything else to an address of the hub";
}

/// Room kept in the counter block, so that a new class does not change the layout.
pub const MAX_CLASSES: usize = 8;
const _: () = assert!(Class::COUNT <= MAX_CLASSES);

/// Packets of one class, by what became of them. Written by one worker.
#[derive(Debug, Default)]
#[repr(C)]
pub struct ClassCounters {
    /// Within the rate and burst; passed on but for those that are in `queue_full` as well.
    pub conformed: Counter,
    /// Dropped: the class was over its rate and burst.
    pub exceeded: Counter,
    /// Dropped: the sender was over its share of the class.
    pub source_exceeded: Counter,
    /// Dropped: the class's place in the queue was full.
    pub queue_full: Counter,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_class_has_its_index_and_a_name_of_its_own() {
        assert!(Class::ALL.iter().enumerate().all(|(index, class)| *class as usize == index));
        let names: std::collections::BTreeSet<_> = Class::ALL.iter().map(|class| class.name()).collect();
        assert_eq!(names.len(), Class::COUNT);
    }
}
