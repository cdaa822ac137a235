//! From a worker to the kernel twins: a queue for each class, so that one under flood fills its own only.

use crossbeam::queue::ArrayQueue;
use shm::class::Class;

/// Packets of a class that may wait. What the kernel's daemons live on has most; NHRP and IKE go to control, and only IKE
/// to an address that is no protected tunnel's source comes this way.
const fn places(class: Class) -> usize {
    match class {
        Class::Routing => 2048,
        Class::Arp | Class::Rest => 512,
        Class::Icmp => 256,
        Class::Ike => 128,
        Class::Nhrp => 16,
    }
}

/// Packets that may wait in all queues.
pub const PLACES: usize = {
    let (mut at, mut sum) = (0, 0);
    while at < Class::COUNT {
        sum += places(Class::ALL[at]);
        at += 1;
    }
    sum
};

/// The queues of one worker. Written by it, read by the service thread.
#[derive(Debug)]
pub struct Classed<T>([ArrayQueue<T>; Class::COUNT]);

impl<T> Default for Classed<T> {
    fn default() -> Self {
        Self(Class::ALL.map(|class| ArrayQueue::new(places(class))))
    }
}

impl<T> Classed<T> {
    /// Puts one item into its class's queue; gives it back when that is full.
    #[inline]
    pub fn push(&self, class: Class, item: T) -> Result<(), T> {
        self.0[class as usize].push(item)
    }

    /// Takes at most `each` items of every class, in the order of classes. Answers whether there was one.
    pub fn take(&self, each: usize, mut handle: impl FnMut(T)) -> bool {
        let mut some = false;
        for queue in &self.0 {
            for _ in 0..each {
                let Some(item) = queue.pop() else { break };
                some = true;
                handle(item);
            }
        }
        some
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_of_one_class_neither_fills_nor_delays_another() {
        for flooded in Class::ALL {
            let queues = Classed::default();
            let filled = (0..10_000).filter(|_| queues.push(flooded, flooded).is_ok()).count();
            assert_eq!(filled, places(flooded));
            for other in Class::ALL.into_iter().filter(|other| *other != flooded) {
                queues.push(other, other).unwrap();
            }
            let mut turn = vec![];
            assert!(queues.take(16, |class| turn.push(class)));
            for other in Class::ALL.into_iter().filter(|other| *other != flooded) {
                assert!(turn.contains(&other), "{other:?} in the first turn while {flooded:?} is full");
            }
            assert_eq!(turn.iter().filter(|class| **class == flooded).count(), 16);
        }
    }

    #[test]
    fn order_within_a_class_holds_and_all_comes_out() {
        let queues = Classed::default();
        for n in 0..100 {
            queues.push(if n % 3 == 0 { Class::Routing } else { Class::Rest }, n).unwrap();
        }
        let mut all = vec![];
        while queues.take(7, |n| all.push(n)) {}
        assert_eq!(all.len(), 100);
        for rest in [0, 1] {
            let of_class: Vec<i32> = all.iter().copied().filter(|n| (n % 3 == 0) == (rest == 0)).collect();
            assert!(of_class.is_sorted());
        }
        assert!(!queues.take(7, |_| ()));
    }
}
