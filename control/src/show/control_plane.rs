//! `show policy-map control-plane`.

use crate::hub::Hub;
use api::{ClassCounts, PolicedClass};
use config::model::{ControlPlane, Police};
use shm::class::{Class, ClassCounters};

/// Every class, in the order in which they are served; `None`: not attached.
pub fn classes(hub: &Hub) -> Option<Vec<PolicedClass>> {
    let plane = hub.plane.as_ref()?;
    let one = |class: Class| {
        let police = police(&hub.config.control_plane, class);
        let workers = plane.segment.workers().iter();
        let by_worker: Vec<ClassCounts> = workers.map(|worker| counts(worker.class(class))).collect();
        PolicedClass {
            class: class.name().into(),
            content: class.content().into(),
            rate: police.rate,
            burst: police.burst,
            packets: by_worker.iter().fold(ClassCounts::default(), sum),
            by_worker,
        }
    };
    Some(Class::ALL.into_iter().map(one).collect())
}

fn police(control_plane: &ControlPlane, class: Class) -> Police {
    match class {
        Class::Routing => control_plane.routing,
        Class::Nhrp => control_plane.nhrp,
        Class::Ike => control_plane.ike,
        Class::Arp => control_plane.arp,
        Class::Icmp => control_plane.icmp,
        Class::Rest => control_plane.rest,
    }
}

fn counts(counters: &ClassCounters) -> ClassCounts {
    ClassCounts {
        conformed: counters.conformed.get(),
        exceeded: counters.exceeded.get(),
        source_exceeded: counters.source_exceeded.get(),
        queue_full: counters.queue_full.get(),
    }
}

fn sum(a: ClassCounts, b: &ClassCounts) -> ClassCounts {
    ClassCounts {
        conformed: a.conformed + b.conformed,
        exceeded: a.exceeded + b.exceeded,
        source_exceeded: a.source_exceeded + b.source_exceeded,
        queue_full: a.queue_full + b.queue_full,
    }
}
