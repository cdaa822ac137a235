//! Load, bursts and events of the workers.

use super::exposition::Family;
use api::{Traffic, Worker, Workers};

/// All of them.
pub fn families(workers: &Workers, traffic: &[Traffic]) -> Vec<Family> {
    let mut all = load(&workers.workers, traffic);
    all.extend(events(&workers.workers));
    all.push(
        Family::gauge("worker_cycles_per_second", "Frequency of the time stamp counter that counts cycles.")
            .each(workers.tsc_hz, |family, hz| family.add(&[], hz as f64)),
    );
    all
}

/// One series per worker.
fn by_worker(family: Family, workers: &[Worker], value: fn(&Worker) -> u64) -> Family {
    family.each(workers, |family, worker| {
        family.add(&[("worker", &worker.index.to_string())], value(worker) as f64);
    })
}

fn load(workers: &[Worker], traffic: &[Traffic]) -> Vec<Family> {
    let moved = |family: Family, value: fn(&Traffic) -> u64| {
        family.each(traffic.iter().enumerate(), |family, (index, traffic)| {
            family.add(&[("worker", &index.to_string())], value(traffic) as f64);
        })
    };
    // Upper bounds of the counters' classes: 0, 1, 2-3, 4-7, 8-15, 16-31, 32-63, 64 and more.
    const BOUNDS: [f64; 7] = [0.0, 1.0, 3.0, 7.0, 15.0, 31.0, 63.0];
    let bursts = Family::histogram("worker_burst_packets", "Packets found by a poll of all queues.").each(
        workers,
        |family, worker| {
            let index = worker.index.to_string();
            family.distribution(&[("worker", &index)], &BOUNDS, &worker.burst_sizes, worker.packets);
        },
    );
    vec![
        bursts,
        by_worker(Family::counter("worker_polls_total", "Polls of all queues."), workers, |w| w.polls),
        by_worker(Family::counter("worker_empty_polls_total", "Polls that found no packet."), workers, |w| {
            w.empty_polls
        }),
        by_worker(Family::counter("worker_packets_total", "Packets taken from all queues."), workers, |w| {
            w.packets
        }),
        by_worker(
            Family::counter(
                "worker_busy_cycles_total",
                "Cycles of the CPU's time stamp counter in polls that found packets.",
            ),
            workers,
            |w| w.busy_cycles,
        ),
        by_worker(
            Family::counter(
                "worker_idle_cycles_total",
                "Cycles of the CPU's time stamp counter in polls that found none.",
            ),
            workers,
            |w| w.idle_cycles,
        ),
        by_worker(
            Family::counter("worker_dropped_packets_total", "Packets that a worker discarded, all reasons."),
            workers,
            |w| w.dropped,
        ),
        moved(
            Family::counter("worker_receive_bytes_total", "Octets of frames that a worker received."),
            |t| t.rx_bytes,
        ),
        moved(Family::counter("worker_transmit_packets_total", "Frames that a worker sent."), |t| {
            t.tx_packets
        }),
        moved(Family::counter("worker_transmit_bytes_total", "Octets of frames that a worker sent."), |t| {
            t.tx_bytes
        }),
        Family::counter("worker_stage_cycles_total", "Cycles by stage, while stage timing is on.").each(
            workers,
            |family, worker| {
                for stage in &worker.stages {
                    let index = worker.index.to_string();
                    family.add(&[("worker", &index), ("stage", &stage.name)], stage.cycles as f64);
                }
            },
        ),
    ]
}

fn events(workers: &[Worker]) -> Vec<Family> {
    let family = |name: &str, help: &str, value| {
        by_worker(Family::counter(&format!("worker_{name}_total"), help), workers, value)
    };
    vec![
        family("redirects", "Redirect events given to control.", |w| w.redirects),
        family("redirects_suppressed", "Redirect events not given because of the rate limit.", |w| {
            w.redirects_suppressed
        }),
        family("icmp_errors_sent", "ICMP errors sent.", |w| w.icmp_sent),
        family("icmp_errors_suppressed", "ICMP errors not sent because of the rate limit.", |w| {
            w.icmp_suppressed
        }),
        family("fragmented_packets", "Packets fragmented before encapsulation.", |w| w.fragmented),
        family("reassembled_packets", "Underlay datagrams reassembled.", |w| w.reassembled),
        family("mss_clamped_packets", "TCP SYNs whose maximum segment size was lowered.", |w| w.mss_clamped),
        family("replicated_packets", "Copies sent by multicast replication.", |w| w.replicated),
        family("punted_packets", "Packets handed to the kernel's twin interfaces.", |w| w.punted),
    ]
}
