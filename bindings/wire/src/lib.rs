//! Packet formats of the hub: checked views, accessors and emitters. No I/O, no allocation on parse, no policy.
//!
//! Every multi-octet field is in network order on the wire; accessors return host order and say so in the type
//! (`u16`, `Ipv4Addr`), never raw octets.
#![forbid(unsafe_code)]

pub mod arp;
pub mod buffer;
pub mod checksum;
pub mod esp;
pub mod eth;
pub mod fpm;
pub mod gre;
pub mod icmp;
pub mod igmp;
pub mod ike;
pub mod ip4;
pub mod nhrp;
pub mod pcap;
pub mod pim;
pub mod tcp;
pub mod udp;
