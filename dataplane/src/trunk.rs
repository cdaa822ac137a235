//! Which port of a device a frame is for: VLAN sub-interfaces share their parent's queues.
//!
//! A burst is split into one for each port, by tag alone, and in the order of arrival within each. What no port has a tag
//! for is the parent's, where it is dropped and counted as `eth_vlan`.

use config::Config;
use forwarding::Burst;
use shm::message::PortId;
use wire::buffer::PacketBuffer;
use wire::eth::TYPE_VLAN;

/// VLAN identifiers, 12 bits of them (802.1Q 9.6).
const VLANS: usize = 1 << 12;
/// Place of an EtherType behind two MAC addresses.
const TYPE: usize = 12;

/// The ports of one device. Owned by one worker.
#[derive(Debug)]
pub struct Trunk<B> {
    /// Place of a VLAN's port in `bursts`; VLAN 0 is what has no tag (a priority tag is none, 802.1Q 6.9).
    places: Box<[u8; VLANS]>,
    /// The parent's first.
    bursts: Vec<(PortId, Burst<B>)>,
}

impl<B: PacketBuffer> Trunk<B> {
    /// For the device of port `parent`. `None`: it has no VLAN sub-interfaces.
    pub fn new(config: &Config, parent: usize) -> Option<Self> {
        let mut trunk = Self { places: Box::new([0; VLANS]), bursts: vec![(parent as PortId, Burst::new())] };
        for (id, port) in config.port.iter().enumerate() {
            if id != parent && config.owner(id) == parent {
                let place = trunk.places.get_mut(usize::from(port.vlan.unwrap_or(0)))?;
                *place = trunk.bursts.len() as u8;
                trunk.bursts.push((id as PortId, Burst::new()));
            }
        }
        (trunk.bursts.len() > 1).then_some(trunk)
    }

    /// Takes all frames of `burst`; gives those of each port that has some. Who takes them empties them.
    pub fn split(&mut self, burst: &mut Burst<B>) -> impl Iterator<Item = (PortId, &mut Burst<B>)> {
        for frame in burst.drain(..) {
            let place = self.places.get(vlan(frame.data())).copied().unwrap_or(0);
            if let Some((_, of)) = self.bursts.get_mut(usize::from(place)) {
                // Emptied before, so there is room for a whole burst.
                let _ = of.try_push(frame);
            }
        }
        self.bursts.iter_mut().filter(|(_, of)| !of.is_empty()).map(|(port, of)| (*port, of))
    }
}

/// The VLAN that a frame is in, 0 without a tag.
#[inline(always)]
fn vlan(frame: &[u8]) -> usize {
    match frame.get(TYPE..).and_then(|octets| octets.first_chunk::<4>()) {
        Some([a, b, high, low]) if u16::from_be_bytes([*a, *b]) == TYPE_VLAN => {
            usize::from(u16::from_be_bytes([*high, *low])) & (VLANS - 1)
        }
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use forwarding::memory::{MemoryBuffer, MemoryPool};

    fn config(parent: &str) -> Config {
        let text = format!(
            r#"
hub = {{ name = "h" }}
[[port]]
name = "wan0"
device = "net_null0"
role = "underlay"
address = ["192.0.2.1/24"]
[[port]]
name = "lan0.30"
parent = "lan0"
vlan = 30
role = "lan"
[[port]]
name = "lan0"
device = "net_null1"
role = "lan"
{parent}
[[port]]
name = "lan0.20"
parent = "lan0"
vlan = 20
role = "lan"
[[tunnel]]
name = "Tunnel0"
interface = "tun0"
source = "192.0.2.1"
address = "10.0.0.1/24"
nhrp = {{ network-id = 1 }}
"#
        );
        Config::parse("hub.toml", &text).unwrap()
    }

    /// A frame by its number; without a tag, or with this control information.
    fn frame(pool: &mut MemoryPool, number: u8, tag: Option<u16>) -> MemoryBuffer {
        let tag =
            tag.map(|tci| [&TYPE_VLAN.to_be_bytes()[..], &tci.to_be_bytes()].concat()).unwrap_or_default();
        pool.with(&[&[number; 12][..], &tag, &[8, 0, 0, 0]].concat()).unwrap()
    }

    fn numbers(trunk: &mut Trunk<MemoryBuffer>, burst: &mut Burst<MemoryBuffer>) -> Vec<(PortId, Vec<u8>)> {
        let split = trunk.split(burst);
        split.map(|(port, of)| (port, of.drain(..).map(|frame| frame.data()[0]).collect())).collect()
    }

    #[test]
    fn frames_go_to_their_vlans_port_in_order() {
        let mut pool = MemoryPool::new(64, 64);
        let mut trunk = Trunk::new(&config(""), 2).unwrap();
        let tags = [None, Some(20), Some(0), Some(0xe014), Some(30), Some(40), Some(20), Some(4095), None];
        for _ in 0..3 {
            let mut burst = Burst::new();
            for (number, tag) in tags.iter().enumerate() {
                burst.push(frame(&mut pool, number as u8, *tag));
            }
            // What is too short to have a tag.
            burst.push(pool.with(&[9; 13]).unwrap());
            let found = numbers(&mut trunk, &mut burst);
            assert_eq!(found, [(2, vec![0, 2, 5, 7, 8, 9]), (1, vec![4]), (3, vec![1, 3, 6])]);
            assert!(burst.is_empty());
        }
        // A whole burst of one port.
        let mut burst = Burst::new();
        while !burst.is_full() {
            burst.push(frame(&mut pool, 7, Some(30)));
        }
        assert_eq!(numbers(&mut trunk, &mut burst), [(1, vec![7; forwarding::BURST])]);
        assert_eq!(pool.available(), 64);
    }

    #[test]
    fn a_tagged_parent_takes_its_own() {
        let mut pool = MemoryPool::new(8, 64);
        let mut trunk = Trunk::new(&config("vlan = 10"), 2).unwrap();
        let mut burst = Burst::new();
        for (number, tag) in [None, Some(10), Some(20)].into_iter().enumerate() {
            burst.push(frame(&mut pool, number as u8, tag));
        }
        assert_eq!(numbers(&mut trunk, &mut burst), [(2, vec![0, 1]), (3, vec![2])]);
    }

    #[test]
    fn a_device_of_one_port_is_no_trunk() {
        assert!(Trunk::<MemoryBuffer>::new(&config(""), 0).is_none());
    }
}
