//! `show workers`: load, rate, cycles per packet and burst sizes, over an interval or since the start.

use super::columns::Columns;
use super::lines;
use api::{Worker, Workers};

/// The counters' growth since `earlier`, or since the start.
pub fn workers(earlier: Option<&Workers>, now: &Workers) -> String {
    // Counters that went back are those of a dataplane that started in between.
    let restarted = |earlier: &Workers| {
        earlier.workers.len() != now.workers.len()
            || earlier.workers.iter().zip(&now.workers).any(|(earlier, now)| now.polls < earlier.polls)
    };
    let earlier = earlier.filter(|earlier| !restarted(earlier));
    let grown: Vec<Worker> = match earlier {
        Some(earlier) => {
            now.workers.iter().zip(&earlier.workers).map(|(now, earlier)| growth(now, earlier)).collect()
        }
        None => now.workers.clone(),
    };
    let interval_ms =
        earlier.map(|earlier| now.read_at_ms.saturating_sub(earlier.read_at_ms)).filter(|ms| *ms > 0);
    let over = match interval_ms {
        Some(ms) => format!("Over {}.{} seconds:", ms / 1000, ms % 1000 / 100),
        None => "Since the dataplane started:".into(),
    };
    let mut out = vec![over, String::new()];
    out.extend(load(&grown, interval_ms, now.tsc_hz).lines());
    out.push(String::new());
    out.extend(bursts(&grown).lines());
    out.push(String::new());
    out.extend(events(&grown).lines());
    if grown.iter().any(|worker| !worker.stages.is_empty()) {
        out.push(String::new());
        out.extend(stages(&grown, now.tsc_hz).lines());
    }
    lines(out)
}

fn growth(now: &Worker, earlier: &Worker) -> Worker {
    let less = |now: u64, earlier: u64| now.saturating_sub(earlier);
    let mut burst_sizes = now.burst_sizes;
    burst_sizes.iter_mut().zip(earlier.burst_sizes).for_each(|(now, earlier)| *now = less(*now, earlier));
    let mut stages = now.stages.clone();
    for stage in &mut stages {
        let before = earlier.stages.iter().find(|before| before.name == stage.name);
        stage.cycles = less(stage.cycles, before.map_or(0, |before| before.cycles));
    }
    Worker {
        index: now.index,
        core: now.core,
        polls: less(now.polls, earlier.polls),
        empty_polls: less(now.empty_polls, earlier.empty_polls),
        packets: less(now.packets, earlier.packets),
        busy_cycles: less(now.busy_cycles, earlier.busy_cycles),
        idle_cycles: less(now.idle_cycles, earlier.idle_cycles),
        burst_sizes,
        redirects: less(now.redirects, earlier.redirects),
        redirects_suppressed: less(now.redirects_suppressed, earlier.redirects_suppressed),
        icmp_sent: less(now.icmp_sent, earlier.icmp_sent),
        icmp_suppressed: less(now.icmp_suppressed, earlier.icmp_suppressed),
        fragmented: less(now.fragmented, earlier.fragmented),
        reassembled: less(now.reassembled, earlier.reassembled),
        mss_clamped: less(now.mss_clamped, earlier.mss_clamped),
        replicated: less(now.replicated, earlier.replicated),
        punted: less(now.punted, earlier.punted),
        dropped: less(now.dropped, earlier.dropped),
        stages,
    }
}

/// `part` of `whole` with one decimal; "-" of nothing.
fn ratio(part: u64, whole: u64) -> String {
    match u128::from(part) * 10 / u128::from(whole.max(1)) {
        _ if whole == 0 => "-".into(),
        tenths => format!("{}.{}", tenths / 10, tenths % 10),
    }
}

/// Nanoseconds per packet with one decimal; "-" of no packets, or while the counter's frequency is not known.
fn nanoseconds(cycles: u64, packets: u64, tsc_hz: Option<u64>) -> String {
    match tsc_hz.filter(|hz| *hz > 0 && packets > 0) {
        Some(hz) => {
            let tenths = u128::from(cycles) * 10_000_000_000 / u128::from(hz) / u128::from(packets);
            format!("{}.{}", tenths / 10, tenths % 10)
        }
        None => "-".into(),
    }
}

fn load(workers: &[Worker], interval_ms: Option<u64>, tsc_hz: Option<u64>) -> Columns {
    let mut columns = Columns::new(&[
        ">Worker",
        ">Core",
        ">Load %",
        ">Packets",
        ">Packets/s",
        ">Cycles/packet",
        ">ns/packet",
        ">Packets/burst",
        ">Dropped",
    ]);
    for worker in workers {
        let cycles = worker.busy_cycles.saturating_add(worker.idle_cycles);
        columns.row([
            worker.index.to_string(),
            worker.core.to_string(),
            ratio(worker.busy_cycles.saturating_mul(100), cycles),
            worker.packets.to_string(),
            interval_ms
                .map_or("-".into(), |ms| (u128::from(worker.packets) * 1000 / u128::from(ms)).to_string()),
            ratio(worker.busy_cycles, worker.packets),
            nanoseconds(worker.busy_cycles, worker.packets, tsc_hz),
            ratio(worker.packets, worker.polls.saturating_sub(worker.empty_polls)),
            worker.dropped.to_string(),
        ]);
    }
    columns
}

fn bursts(workers: &[Worker]) -> Columns {
    let mut columns = Columns::new(&[
        ">Worker", ">Polls", ">0 %", ">1 %", ">2-3 %", ">4-7 %", ">8-15 %", ">16-31 %", ">32-63 %", ">64+ %",
    ]);
    for worker in workers {
        let sizes = worker.burst_sizes.iter().map(|size| ratio(size.saturating_mul(100), worker.polls));
        columns.row([worker.index.to_string(), worker.polls.to_string()].into_iter().chain(sizes));
    }
    columns
}

fn events(workers: &[Worker]) -> Columns {
    let mut columns = Columns::new(&[
        ">Worker",
        ">Redirects",
        ">(limited)",
        ">ICMP errors",
        ">(limited)",
        ">Fragmented",
        ">Reassembled",
        ">MSS clamped",
        ">Replicated",
        ">To kernel",
    ]);
    for worker in workers {
        let counts = [
            worker.redirects,
            worker.redirects_suppressed,
            worker.icmp_sent,
            worker.icmp_suppressed,
            worker.fragmented,
            worker.reassembled,
            worker.mss_clamped,
            worker.replicated,
            worker.punted,
        ];
        columns.row(std::iter::once(worker.index.to_string()).chain(counts.iter().map(u64::to_string)));
    }
    columns
}

fn stages(workers: &[Worker], tsc_hz: Option<u64>) -> Columns {
    let mut columns = Columns::new(&[">Worker", "Stage", ">Cycles/packet", ">ns/packet"]);
    for worker in workers {
        for stage in &worker.stages {
            columns.row([
                worker.index.to_string(),
                stage.name.clone(),
                ratio(stage.cycles, worker.packets),
                nanoseconds(stage.cycles, worker.packets, tsc_hz),
            ]);
        }
    }
    columns
}
